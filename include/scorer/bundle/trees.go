package bundle

import (
	"runtime"
	"sync"
)

// loaded is one tree of a forest, read but not yet visited.
type loaded struct {
	model *Model
	tree  *Tree
	err   error
}

// maxReaders bounds the goroutines that read trees, and with them the trees in memory.
const maxReaders = 8

// EachTree reads the trees of a forest, each a folder with a model and a tree file, on all processors, and visits them in
// order. A visited tree's memory is used again. The first error ends it.
func (n *Node) EachTree(names []string, visit func(name string, m *Model, t *Tree) error) error {
	readers := min(runtime.GOMAXPROCS(0), maxReaders, len(names))
	ready, free := make([]chan loaded, readers), make([]chan *Tree, readers)
	stop := make(chan struct{})
	var running sync.WaitGroup
	for k := range readers { // reader k has the trees k, k+readers, ...
		ready[k], free[k] = make(chan loaded, 1), make(chan *Tree, 2)
		free[k] <- new(Tree)
		free[k] <- new(Tree)
		running.Go(func() {
			for i := k; i < len(names); i += readers {
				select {
				case <-stop:
					return
				case t := <-free[k]:
					ready[k] <- n.load(names[i], t)
				}
			}
		})
	}
	err := visitAll(names, ready, free, visit)
	close(stop)
	for k := range readers {
		select { // a reader may wait to give its last tree
		case <-ready[k]:
		default:
		}
	}
	running.Wait()
	return err
}

func visitAll(names []string, ready []chan loaded, free []chan *Tree, visit func(string, *Model, *Tree) error) error {
	for i, name := range names {
		k := i % len(ready)
		next := <-ready[k]
		if next.err != nil {
			return next.err
		}
		if err := visit(name, next.model, next.tree); err != nil {
			return err
		}
		free[k] <- next.tree
	}
	return nil
}

func (n *Node) load(name string, t *Tree) loaded {
	dir, model, err := n.sub(name)
	if err == nil {
		err = n.Tree(dir, t)
	}
	return loaded{model, t, err}
}
