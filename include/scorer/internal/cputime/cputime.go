// Package cputime measures processor time, which other processes on the machine affect less than elapsed time.
package cputime

import (
	"syscall"
	"time"
)

// Of returns the processor time of this process during a call.
func Of(call func()) time.Duration {
	before := total()
	call()
	return total() - before
}

// total returns the processor time since the start of the process.
func total() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
