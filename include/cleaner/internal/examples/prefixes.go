package examples

import (
	"slices"

	"leapline/cleaner/internal/line"
	"leapline/scorer/features"
)

// AppendCuts appends the numbers of events of a session's examples, each once: of the whole session, and of prefixes that end
// before the event with the smallest hash. The hashes are those of Spark's xxhash64(session, event_id, n), signed.
func AppendCuts(cuts []int, session string, events []features.Event, perSession int) []int {
	cuts = append(cuts, len(events))
	start := line.Hash([]byte(session), line.Seed)
	for n := 1; n < perSession; n++ {
		if cut := hashedCut(start, events, uint32(n)); cut > 0 && !slices.Contains(cuts, cut) {
			cuts = append(cuts, cut)
		}
	}
	return cuts
}

// hashedCut returns 0 for a session of one event, whose only prefix is empty.
func hashedCut(start uint64, events []features.Event, n uint32) int {
	cut, least := 0, int64(0)
	for i := 1; i < len(events); i++ {
		hash := int64(line.HashInt(n, line.Hash([]byte(events[i].ID), start)))
		if cut == 0 || hash < least {
			cut, least = i, hash
		}
	}
	return cut
}
