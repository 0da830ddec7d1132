// The native part of the steps `extract` and `featurize`: it reads enriched events, maps them and builds sessions, and computes
// examples with the features of the scorer. A module of its own, so that the scorer has no dependencies.
module leapline/cleaner

go 1.26

require github.com/dlclark/regexp2/v2 v2.13.0

require github.com/klauspost/compress v1.20.4

require leapline/scorer v0.0.0

replace leapline/scorer => ../scorer
