package server

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
)

// Limits bounds the resources of the process.
type Limits struct {
	Body        int64 // bytes of one body
	Memory      int64 // resident memory of the process in bytes, including the model; 0 means unlimited
	Connections int   // open connections; 0 means unlimited
}

// Default values of Limits.
const (
	DefaultMaxBody        = 16 << 20
	DefaultMaxMemory      = 128 << 20
	DefaultMaxConnections = 512
)

// DefaultLimits returns the limits of a scorer that is not configured otherwise. The memory is DefaultMaxMemory, or 90 % of
// the container's limit if that is less.
func DefaultLimits() Limits {
	memory := int64(DefaultMaxMemory)
	if limit := containerMemory(); limit > 0 {
		memory = min(memory, limit/10*9)
	}
	return Limits{Body: DefaultMaxBody, Memory: memory, Connections: DefaultMaxConnections}
}

// containerMemory returns the memory limit of the process's control group (version 2, then 1), 0 if there is none.
func containerMemory() int64 {
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err == nil && limit < 1<<50 { // version 1 has a huge number for no limit
			return limit
		}
	}
	return 0
}

// A request is small up to these sizes. Small requests have a separate memory budget and do not wait for large ones.
const (
	smallBody = 64 << 10
	smallWork = 256 << 10
	workStep  = 16 << 10 // work is charged in multiples of this
)

// largeWork is the memory that one large request typically needs besides its body, in bytes.
const largeWork = 24 << 20

// budget divides the memory for requests. Requests that do not fit are rejected at once with status 503.
//
//	small   bodies and work of small requests
//	bodies  bodies of large requests, from the moment their length is known
//	work    decoded sessions and responses of large requests, at most cap(slots) of which are processed at a time
type budget struct {
	small, bodies, work pool
	slots               chan struct{}
	rejected            atomic.Uint64
}

// pool is a number of bytes that requests share.
type pool struct{ used, max atomic.Int64 }

// add takes n bytes from the pool, or returns them if n is negative. It reports whether they were available.
func (p *pool) add(n int64) bool {
	used := p.used.Add(n)
	if n > 0 && used > p.max.Load() {
		p.used.Add(-n)
		return false
	}
	return true
}

// newBudget returns a budget of a number of bytes; 0 means unlimited.
func newBudget(bytes int64) *budget {
	b := &budget{}
	b.resize(bytes)
	slots := max(runtime.GOMAXPROCS(0)-1, 1) // one processor remains for small requests
	if bytes > 0 {
		slots = max(min(slots, int(b.work.max.Load()/largeWork)), 1)
	}
	b.slots = make(chan struct{}, slots)
	return b
}

// resize sets the number of bytes; requests keep what they have.
func (b *budget) resize(bytes int64) {
	if bytes == 0 {
		bytes = 1 << 50
	}
	b.small.max.Store(bytes / 5)
	b.bodies.max.Store(bytes * 2 / 5)
	b.work.max.Store(bytes * 2 / 5)
}

// usage is what a request has taken from the budget.
type usage struct {
	budget     *budget // nil means unlimited
	body, work int64
	bodyPool   *pool
	workPool   *pool
	slot       bool
}

// chargeBody sets the size of the request's body to n bytes.
func (u *usage) chargeBody(n int64) error {
	if u.budget == nil {
		return nil
	}
	next := &u.budget.small
	if n > smallBody {
		next = &u.budget.bodies
	}
	return u.charge(&u.body, &u.bodyPool, n, next)
}

// chargeWork raises the memory for decoded values and the response to n bytes.
func (u *usage) chargeWork(n int64) error {
	if u.budget == nil || n <= u.work {
		return nil
	}
	next := &u.budget.small
	if n > smallWork || u.bodyPool == &u.budget.bodies {
		next = &u.budget.work
	}
	return u.charge(&u.work, &u.workPool, (n+workStep-1)/workStep*workStep, next)
}

// charge sets one of the request's charges to n bytes of the pool next.
func (u *usage) charge(charged *int64, current **pool, n int64, next *pool) error {
	added := n
	if *current == next {
		added -= *charged
	}
	if !next.add(added) {
		u.budget.rejected.Add(1)
		if limit := next.max.Load(); n > limit {
			return newProblem(http.StatusRequestEntityTooLarge,
				"the request needs more than the %d bytes of memory available; send fewer rows, or raise --max-memory", limit)
		}
		return overloaded("too many requests in progress; retry later")
	}
	if *current != nil && *current != next {
		(*current).add(-*charged)
	}
	*charged, *current = n, next
	return nil
}

// isLarge reports whether the request must take turns with other large ones.
func (u *usage) isLarge() bool { return u.budget != nil && u.bodyPool == &u.budget.bodies }

// acquireSlot waits until a large request may be processed, or until done is closed.
func (u *usage) acquireSlot(done <-chan struct{}) error {
	select {
	case u.budget.slots <- struct{}{}:
		u.slot = true
		return nil
	case <-done:
		return newProblem(http.StatusServiceUnavailable, "request timed out before it was processed")
	}
}

func (u *usage) releaseSlot() {
	if u.slot {
		<-u.budget.slots
		u.slot = false
	}
}

// release returns everything to the budget.
func (u *usage) release() {
	u.releaseSlot()
	if u.bodyPool != nil {
		u.bodyPool.add(-u.body)
	}
	if u.workPool != nil {
		u.workPool.add(-u.work)
	}
	*u = usage{}
}

// overloaded returns the problem for a request that exceeds the process's limits at this moment.
func overloaded(detail string) *Problem {
	p := newProblem(http.StatusServiceUnavailable, "%s", detail)
	p.retryAfter = retryAfterOverload
	return p
}

// retryAfterOverload is the value of Retry-After, in seconds, in rejected requests.
const retryAfterOverload = "1"

// ParseSize parses a number of bytes with an optional unit: 16777216, 16MiB, 1GiB.
func ParseSize(text string) (int64, error) {
	number, shift := text, 0
	for unit, bits := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			number, shift = strings.TrimSpace(rest), bits
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > 1<<50>>shift {
		return 0, fmt.Errorf("found %q, expected a number of bytes such as 134217728 or 128MiB", text)
	}
	return n << shift, nil
}
