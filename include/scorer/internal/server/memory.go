package server

import (
	"os"
	"runtime"
	"runtime/debug"
)

const (
	// expectedBase is the memory that the process is assumed to need without requests until TuneMemory measures it.
	expectedBase = 28 << 20
	// minRequestMemory is the least memory for requests; a model that leaves less raises the limit.
	minRequestMemory = 64 << 20
	// outsideGo is the reserve for memory that Go's runtime does not count: threads' stacks and the program itself.
	outsideGo = 12 << 20
)

// TuneMemory adapts the process to the loaded model: the garbage collector (see tuneGC), its soft memory limit, and the memory
// for requests. It takes a few milliseconds.
func (s *Server) TuneMemory() {
	base := tuneGC()
	limit := s.settings.Memory
	if limit == 0 {
		return
	}
	if least := base + minRequestMemory; limit < least {
		s.log.Warn("max_memory raised: the model leaves too little for requests", "max_memory", limit, "raised_to", least)
		limit = least
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit - outsideGo)
	}
	s.budget.resize(requestMemory(limit, base))
}

// requestMemory returns the memory for requests, given the total memory of the process and the memory it needs without
// requests, base. The remainder is for garbage and connections.
func requestMemory(limit, base int64) int64 {
	if limit == 0 {
		return 0
	}
	return max(limit-base, minRequestMemory) * 6 / 10
}

// tuneGC adapts the garbage collector to the loaded model, releases the memory that loading used, and returns the process's
// resident memory in bytes.
//
// Go's default (GOGC=100) collects when garbage equals the live heap: with a small model after every 4 MB, dozens of times
// per second under load, and each collection adds latency. A small model therefore gets garbageRoom, but at most three
// times the live heap, which keeps a process with a model of 5 MB below 40 MB. A model larger than garbageRoom gets Go's
// default. GOGC and GOMEMLIMIT in the environment take precedence.
func tuneGC() int64 {
	debug.FreeOSMemory() // collects first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if !gcConfigured() {
		debug.SetGCPercent(int(min(300, max(100, garbageRoom*100/m.HeapAlloc))))
	}
	return max(residentBytes(), int64(m.Sys-m.HeapReleased))
}

// garbageRoom is the amount of garbage, in bytes, that triggers a collection.
const garbageRoom = 16 << 20

// RelaxGC reduces garbage collection until TuneGC is called: loading produces little garbage, and collecting it takes a
// tenth of the start-up time.
func RelaxGC() {
	if !gcConfigured() {
		debug.SetGCPercent(400)
	}
}

// gcConfigured reports whether the environment configures the garbage collector.
func gcConfigured() bool { return os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" }
