// The native part of the step `extract`: it reads enriched events, maps them and builds sessions. A module of its own, so that
// the scorer has no dependencies.
module leapline/cleaner

go 1.26

require github.com/dlclark/regexp2/v2 v2.13.0

require github.com/klauspost/compress v1.20.4
