package crashpoint

import (
	"slices"
	"testing"
)

func TestAHookIsToldOfEachHitUntilItIsTakenAway(t *testing.T) {
	var got []Point
	Set(func(p Point) { got = append(got, p) })
	Hit(SendBefore)
	Hit(CommitAfter)
	Set(nil)
	Hit(SendBefore)
	if !slices.Equal(got, []Point{SendBefore, CommitAfter}) {
		t.Errorf("%v", got)
	}
}

func TestPointsHaveDifferentNames(t *testing.T) {
	all := All()
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != len(All()) {
		t.Errorf("%d names for %d points", n, len(All()))
	}
}

func TestAPointWithoutAHookAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Hit(ReadBefore) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHitWithoutAHook(b *testing.B) {
	for b.Loop() {
		Hit(ReadBefore)
	}
}
