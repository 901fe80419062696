// Command gen writes the vector forms of window.Search for amd64.
//
// It is a module of its own, so that the product does not depend on the assembler it is written in:
//
//	go generate ./pkg/chunker/internal/window
package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// What the hash is made of; package window holds the same figures and a test compares both forms.
const (
	lag     = 48
	fold    = 5
	lowMul  = 0x7b1dcdaf
	highMul = 0xa1b965f5
)

// isa is what differs between two instruction sets.
type isa struct {
	name   string
	bytes  int // of a vector
	vector func() reg.VecVirtual
	load   func(m Mem, v reg.VecVirtual)
	xor    func(a Op, b, to reg.VecVirtual)
	// shift gives the lanes of high moved up by one, and as the first one the last of before, which becomes high.
	shift func(high, before, to reg.VecVirtual)
	// reached clears the zero flag if some lane of best is at least limit's.
	reached func(best, limit reg.VecVirtual)
}

// blockBytes is how many positions one turn of the loop looks at.
const blockBytes = 64

var avx2 = isa{
	name: "AVX2", bytes: 32, vector: YMM,
	load: func(m Mem, v reg.VecVirtual) { VMOVDQU(m, v) },
	xor:  func(a Op, b, to reg.VecVirtual) { VPXOR(a, b, to) },
	shift: func(high, before, to reg.VecVirtual) {
		middle := YMM() // the upper half of before, the lower half of high
		VPERM2I128(Imm(0x21), high, before, middle)
		VPALIGNR(Imm(12), middle, high, to)
		VMOVDQA(high, before)
	},
	reached: func(best, limit reg.VecVirtual) {
		// AVX2 compares signed numbers only: best is at least limit where the larger of both is best.
		either := YMM()
		VPMAXUD(limit, best, either)
		VPCMPEQD(either, best, either)
		VPTEST(either, either)
	},
}

var avx512 = isa{
	name: "AVX512", bytes: 64, vector: ZMM,
	load: func(m Mem, v reg.VecVirtual) { VMOVDQU32(m, v) },
	xor:  func(a Op, b, to reg.VecVirtual) { VPXORD(a, b, to) },
	shift: func(high, before, to reg.VecVirtual) {
		VALIGND(Imm(15), before, high, to)
		VMOVDQA32(high, before)
	},
	reached: func(best, limit reg.VecVirtual) {
		const notLess = 5
		lanes := K()
		VPCMPUD(Imm(notLess), limit, best, lanes)
		KORTESTW(lanes, lanes)
	},
}

func main() {
	constants()
	blocks(avx2)
	blocks(avx512)
	Generate()
}

var lowFactor, highFactor Mem

func constants() {
	lowFactor = GLOBL("lowFactor", attr.RODATA|attr.NOPTR)
	DATA(0, U32(lowMul))
	highFactor = GLOBL("highFactor", attr.RODATA|attr.NOPTR)
	DATA(0, U32(highMul))
}

// blocks writes a function that looks at whole blocks of positions and returns where the first one begins in which some
// position hashes to at least the threshold, or where less than a block is left.
func blocks(v isa) {
	TEXT("blocks"+v.name, NOSPLIT, "func(data *byte, from, to int, threshold uint32) int")
	Pragma("noescape")
	at := Load(Param("data"), GP64())
	from := Load(Param("from"), GP64())
	to := Load(Param("to"), GP64())
	limit, low, high := v.vector(), v.vector(), v.vector()
	threshold := XMM()
	VMOVD(Load(Param("threshold"), GP32()), threshold)
	VPBROADCASTD(threshold, limit)
	VPBROADCASTD(lowFactor, low)
	VPBROADCASTD(highFactor, high)
	ADDQ(from, at)
	// The last position at which a whole block begins.
	SUBQ(Imm(uint64(blockBytes)), to)

	folded := func(disp int) reg.VecVirtual {
		x := v.vector()
		v.load(Mem{Base: at, Disp: disp - lag}, x)
		VPSLLD(Imm(fold), x, x)
		v.xor(Mem{Base: at, Disp: disp}, x, x)
		return x
	}
	// The high half of a position is the low half of that 4 bytes on: the next lane.
	var before [4]reg.VecVirtual
	for j := range before {
		near := v.vector()
		before[j] = v.vector()
		VPBROADCASTD(Mem{Base: at, Disp: j - 8 - lag}, before[j])
		VPSLLD(Imm(fold), before[j], before[j])
		VPBROADCASTD(Mem{Base: at, Disp: j - 8}, near)
		v.xor(near, before[j], before[j])
	}

	Label("loop" + v.name)
	CMPQ(from, to)
	JGT(LabelRef("done" + v.name))
	best := v.vector()
	first := true
	for k := 0; k < blockBytes; k += v.bytes {
		// Four offsets of dwords are all positions.
		for j := range 4 {
			x := folded(k + j - 4)
			lo, hi := v.vector(), v.vector()
			VPMULLD(high, x, hi)
			v.shift(x, before[j], lo)
			VPMULLD(low, lo, lo)
			if first {
				VPADDD(lo, hi, best)
				first = false
				continue
			}
			VPADDD(lo, hi, hi)
			VPMAXUD(hi, best, best)
		}
	}
	v.reached(best, limit)
	JNZ(LabelRef("done" + v.name))
	ADDQ(Imm(uint64(blockBytes)), at)
	ADDQ(Imm(uint64(blockBytes)), from)
	JMP(LabelRef("loop" + v.name))

	Label("done" + v.name)
	VZEROUPPER()
	Store(from, ReturnIndex(0))
	RET()
}
