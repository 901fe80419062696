// Command gen writes the vector form of lanes.nodes for amd64.
//
// It is a module of its own, so that the product does not depend on the assembler it is written in:
//
//	go generate ./pkg/chunker/internal/lanes
package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	lanes       = 8
	wordBytes   = 4
	vectorBytes = lanes * wordBytes
	blockWords  = 16
	blockBytes  = blockWords * wordBytes
	rounds      = 7
	// ahead is how far ahead of a block memory is asked for: the same block of the next eight leaves.
	ahead = lanes * 1024
)

// iv and schedule are those of the BLAKE3 specification, section 2.2; a round reads the words in an order that permuting the one before gives.
var (
	iv          = [4]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a}
	permutation = [blockWords]int{2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8}
)

// v are the sixteen words of the state, each with a lane of every node. They are all the registers that there are, so that v[spilled] gives
// its register away wherever a rotation needs one, and lives in memory meanwhile.
var v = [16]reg.VecPhysical{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
}

const spilled = 8

// scratch is an aligned part of the stack: a block's words, and v[spilled].
type scratch struct{ base reg.Register }

func (s scratch) word(i int) Mem { return Mem{Base: s.base, Disp: i * vectorBytes} }
func (s scratch) spill() Mem     { return s.word(blockWords) }

const scratchBytes = (blockWords + 1) * vectorBytes

func main() {
	constants()
	nodes()
	Generate()
}

var (
	ivs                      [len(iv)]Mem
	sixteen, eight, inABlock Mem
)

func constants() {
	for i, x := range iv {
		ivs[i] = repeated("iv"+string(rune('0'+i)), x)
	}
	inABlock = repeated("blockBytes", blockBytes)
	sixteen = rotation("rotate16", 2)
	eight = rotation("rotate8", 1)
}

// repeated is a vector of the same word in all lanes.
func repeated(name string, x uint32) Mem {
	m := GLOBL(name, attr.RODATA|attr.NOPTR)
	for i := range lanes {
		DATA(i*wordBytes, U32(x))
	}
	return m
}

// rotation has VPSHUFB rotate each word to the right by so many bytes.
func rotation(name string, bytes int) Mem {
	m := GLOBL(name, attr.RODATA|attr.NOPTR)
	for i := range vectorBytes {
		at := i % 16 // it counts within half a vector
		DATA(i, U8(at/wordBytes*wordBytes+(at+bytes)%wordBytes))
	}
	return m
}

// nodes writes a function that compresses eight nodes of a tree.
func nodes() {
	TEXT("nodesAVX2", 0, "func(out *[8][8]uint32, in *byte, stride, blocks int, counters *[16]uint32, flags, first, last uint32)")
	Pragma("noescape")
	Doc("nodesAVX2 gives the chaining values of eight nodes that begin stride bytes apart, of so many blocks each. counters has the low halves, then the high ones. first and last are flags of the first and the last block only.")
	in := Load(Param("in"), GP64())
	stride := Load(Param("stride"), GP64())
	left := Load(Param("blocks"), GP64())
	counters := Load(Param("counters"), GP64())
	// The flags of the next block: those of all, and of the first.
	flags := Load(Param("flags"), GP32())
	next := Load(Param("first"), GP32())
	ORL(flags, next)

	stack := AllocLocal(scratchBytes + vectorBytes)
	s := scratch{GP64()}
	LEAQ(stack, s.base)
	ADDQ(Imm(vectorBytes-1), s.base)
	ANDQ(I32(-vectorBytes), s.base)
	stride3 := GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)

	Comment("The state's first half is the chaining value: at first the key, which is the same as IV.")
	for i := range 4 {
		VMOVDQU(ivs[i], v[i])
	}
	for i, x := range [4]uint32{0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19} {
		VMOVDQU(repeated("iv"+string(rune('4'+i)), x), v[4+i])
	}

	Label("block")
	transpose(in, stride, stride3, s)
	Comment("The flags of this block, and those of the next one.")
	CMPQ(left, Imm(1))
	JNE(LabelRef("notLast"))
	last := Load(Param("last"), GP32())
	ORL(last, next)
	Label("notLast")
	VMOVD(next, reg.X15)
	VPBROADCASTD(reg.X15, v[15])
	MOVL(flags, next)

	VMOVDQU(ivs[0], v[spilled])
	VMOVDQA(v[spilled], s.spill())
	for i := 1; i < 4; i++ {
		VMOVDQU(ivs[i], v[8+i])
	}
	VMOVDQU(Mem{Base: counters}, v[12])
	VMOVDQU(Mem{Base: counters, Disp: vectorBytes}, v[13])
	VMOVDQU(inABlock, v[14])

	order := [blockWords]int{}
	for i := range order {
		order[i] = i
	}
	for r := range rounds {
		Comment("Round " + string(rune('1'+r)) + ".")
		round(order, s)
		var permuted [blockWords]int
		for i, p := range permutation {
			permuted[i] = order[p]
		}
		order = permuted
	}
	for i := range 8 {
		if 8+i == spilled {
			VPXOR(s.spill(), v[i], v[i])
			continue
		}
		VPXOR(v[8+i], v[i], v[i])
	}
	ADDQ(Imm(blockBytes), in)
	DECQ(left)
	JNZ(LabelRef("block"))

	store(Load(Param("out"), GP64()))
	VZEROUPPER()
	RET()
}

// round is the mixing of all columns and all diagonals with the words in an order.
func round(order [blockWords]int, s scratch) {
	half := func(b, c, d [4]int, m []int) {
		mix(b, c, d, [4]int{m[0], m[2], m[4], m[6]}, s, sixteen, 12)
		mix(b, c, d, [4]int{m[1], m[3], m[5], m[7]}, s, eight, 7)
	}
	half([4]int{4, 5, 6, 7}, [4]int{8, 9, 10, 11}, [4]int{12, 13, 14, 15}, order[:8])
	half([4]int{5, 6, 7, 4}, [4]int{10, 11, 8, 9}, [4]int{15, 12, 13, 14}, order[8:])
}

// mix is half of the quarter round, on all four columns or diagonals in step; a is always the first row.
func mix(b, c, d, words [4]int, s scratch, rotateD Mem, rotateB uint64) {
	for i := range 4 {
		VPADDD(s.word(words[i]), v[i], v[i])
	}
	for i := range 4 {
		VPADDD(v[b[i]], v[i], v[i])
	}
	for i := range 4 {
		VPXOR(v[i], v[d[i]], v[d[i]])
	}
	for i := range 4 {
		VPSHUFB(rotateD, v[d[i]], v[d[i]])
	}
	for i := range 4 {
		if c[i] == spilled {
			VPADDD(s.spill(), v[d[i]], v[spilled])
			continue
		}
		VPADDD(v[d[i]], v[c[i]], v[c[i]])
	}
	for i := range 4 {
		VPXOR(v[c[i]], v[b[i]], v[b[i]])
	}
	VMOVDQA(v[spilled], s.spill())
	for i := range 4 {
		VPSRLD(Imm(rotateB), v[b[i]], v[spilled])
		VPSLLD(Imm(32-rotateB), v[b[i]], v[b[i]])
		VPOR(v[spilled], v[b[i]], v[b[i]])
	}
}

// transpose brings the block's words of all nodes together, word by word, in scratch. It uses the second half of the state.
func transpose(in, stride, stride3 reg.Register, s scratch) {
	upper := GP64() // the node in the middle
	LEAQ(Mem{Base: in, Index: stride, Scale: 4}, upper)
	row := func(base reg.Register, i, disp int) Mem {
		switch i {
		case 0:
			return Mem{Base: base, Disp: disp}
		case 3:
			return Mem{Base: base, Index: stride3, Scale: 1, Disp: disp}
		}
		return Mem{Base: base, Index: stride, Scale: uint8(i), Disp: disp}
	}
	for i := range 4 {
		PREFETCHT0(row(in, i, ahead))
		PREFETCHT0(row(upper, i, ahead))
	}
	for q := range blockWords / 4 {
		// Four words of a node in half a vector, those of the node four further on in the other half.
		rows := [4]reg.VecPhysical{v[8], v[9], v[10], v[11]}
		halves := [4]reg.VecPhysical{reg.X8, reg.X9, reg.X10, reg.X11}
		for i := range rows {
			VMOVDQU(row(in, i, q*16), halves[i])
			VINSERTI128(Imm(1), row(upper, i, q*16), rows[i], rows[i])
		}
		out := four(rows, [4]reg.VecPhysical{v[12], v[13], v[14], v[15]})
		for i := range out {
			VMOVDQA(out[i], s.word(4*q+i))
		}
	}
}

// four transposes four words of four vectors, in each half. free are registers that it may use; the result is in some of them all.
func four(r, free [4]reg.VecPhysical) [4]reg.VecPhysical {
	VPUNPCKLDQ(r[1], r[0], free[0])
	VPUNPCKHDQ(r[1], r[0], free[1])
	VPUNPCKLDQ(r[3], r[2], free[2])
	VPUNPCKHDQ(r[3], r[2], free[3])
	VPUNPCKLQDQ(free[2], free[0], r[0])
	VPUNPCKHQDQ(free[2], free[0], r[1])
	VPUNPCKLQDQ(free[3], free[1], r[2])
	VPUNPCKHQDQ(free[3], free[1], r[3])
	return r
}

// store writes the chaining values, node by node.
func store(out reg.Register) {
	for half := range 2 {
		rows := four([4]reg.VecPhysical(v[4*half:4*half+4]), [4]reg.VecPhysical(v[8:12]))
		for i, r := range rows {
			at := half * 16
			VMOVDQU(r.AsX(), Mem{Base: out, Disp: i*vectorBytes + at})
			VEXTRACTI128(Imm(1), r, Mem{Base: out, Disp: (i+4)*vectorBytes + at})
		}
	}
}
