package bitslice

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestBestAgreesWithTheKernel compares the detection with the flags that Linux reports, which include those of the registers' state.
func TestBestAgreesWithTheKernel(t *testing.T) {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil || runtime.GOARCH != "amd64" {
		t.Skip("SKIPPED: no /proc/cpuinfo of an x86-64 processor")
	}
	_, line, _ := strings.Cut(string(text), "\nflags")
	line, _, _ = strings.Cut(line, "\n")
	flags := map[string]bool{}
	for _, flag := range strings.Fields(line) {
		flags[flag] = true
	}
	want := None
	if flags["avx2"] {
		want = AVX2
		if flags["avx512f"] && flags["avx512bw"] && flags["avx512dq"] {
			want = AVX512
		}
	}
	if Best() != want {
		t.Errorf("detected %s, expected %s", Best(), want)
	}
}

func TestUnsupportedLevelIsRejected(t *testing.T) {
	defer func(l Level) { best = l }(best)
	best = AVX2
	if l, err := ParseLevel("avx2"); l != AVX2 || err != nil {
		t.Errorf("avx2: %s, %v", l, err)
	}
	if l, err := ParseLevel(""); l != AVX2 || err != nil {
		t.Errorf("default: %s, %v", l, err)
	}
	if _, err := ParseLevel("avx512"); err == nil || err.Error() != `found "avx512", but this machine supports only avx2` {
		t.Errorf("avx512: %v", err)
	}
}

// grow appends a random tree in pre-order, whose leaves are numbered from 0 on.
func grow(random *rand.Rand, nodes []Node, conditions, depth int, leaves *int) []Node {
	at := len(nodes)
	if depth == 0 || random.IntN(8) == 0 {
		*leaves++
		return append(nodes, Node{Number: *leaves - 1})
	}
	nodes = append(nodes, Node{Number: random.IntN(conditions), Left: at + 1})
	nodes = grow(random, nodes, conditions, depth-1, leaves)
	nodes[at].Right = len(nodes)
	return grow(random, nodes, conditions, depth-1, leaves)
}

// TestProgramWalksTrees compares the leaves for random conditions with a walk from the root.
func TestProgramWalksTrees(t *testing.T) {
	if Best() == None {
		t.Skip("SKIPPED: this machine has no vector instructions")
	}
	const conditions = 21
	random := rand.New(rand.NewPCG(1, 2))
	p, _ := New(conditions)
	var trees [][]Node
	for range 10 {
		var group [][]Node
		for range 1 + random.IntN(GroupTrees) {
			leaves := 0
			group = append(group, grow(random, nil, conditions, random.IntN(10), &leaves))
		}
		if !p.Add(group...) {
			t.Fatal("the trees are beyond the limits")
		}
		trees = append(trees, group...)
	}
	numbers := make([]float64, 1<<10)
	for i := range numbers {
		numbers[i] = float64(i)
	}
	for level := AVX2; level <= Best(); level++ {
		b := p.NewBlock(level)
		var bits [conditions][Rows / 64]uint64
		for c := range bits {
			for word := range bits[c] {
				bits[c][word] = random.Uint64()
				b.SetCondition(c, word, bits[c][word])
			}
		}
		calls := 0
		p.Leaves(b, numbers, Rows, func(tree int, values []float64) {
			if tree != calls || len(values) != Rows {
				t.Fatalf("%s: tree %d with %d rows in call %d", level, tree, len(values), calls)
			}
			calls++
			for row, value := range values {
				at := 0
				for nodes := trees[tree]; nodes[at].Left != 0; {
					n := nodes[at]
					if at = n.Left; bits[n.Number][row/64]>>(row%64)&1 == 1 {
						at = n.Right
					}
				}
				if want := trees[tree][at].Number; int(value) != want {
					t.Fatalf("%s: tree %d, row %d: leaf %v, expected %d", level, tree, row, value, want)
				}
			}
		})
		if calls != p.Trees() || calls != len(trees) {
			t.Errorf("%s: %d trees, expected %d", level, calls, len(trees))
		}
	}
}

// TestMemoryIsLimited adds trees that are as deep as allowed but have few nodes: a small file must not need much memory.
func TestMemoryIsLimited(t *testing.T) {
	chain := func(height int) (nodes []Node) {
		for i := range height {
			nodes = append(nodes, Node{Number: i % 3, Left: 2*i + 1, Right: 2*i + 2}, Node{Number: i})
		}
		return append(nodes, Node{Number: height})
	}
	p, ok := New(3)
	added := 0
	for ; ok && added < 10_000; added++ {
		ok = p.Add(chain(MaxHeight))
	}
	if ok || p.table > maxTable+1<<MaxHeight {
		t.Errorf("%d trees with tables of %d leaves", added, p.table)
	}
	if p, _ := New(3); p.Add(chain(MaxHeight + 1)) {
		t.Error("a tree that is too deep was accepted")
	}
	if _, ok := New(maxSlots + 1); ok {
		t.Error("too many conditions were accepted")
	}
}
