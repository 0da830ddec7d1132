package main

import (
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// object is something whose calls are checked on their own: objects that are each linearizable are so together.
type object struct {
	name  string
	calls []call
	step  func(state, call) []state
}

// objectsOf returns the tags of the repository, which all lakes share, and the ledger of each lake. A ledger that was
// changed past Leapline has no history of its own.
func objectsOf(calls []call) []object {
	objects := []object{{"the champion", calls, champion}}
	for _, next := range calls {
		if next.Op == "begin" && !next.Input.Tampered {
			lake := []call{}
			for _, other := range calls {
				if other.Lake == next.Lake {
					lake = append(lake, other)
				}
			}
			objects = append(objects, object{"the ledger of " + next.Lake, lake, ledger})
		}
	}
	return objects
}

// state is that of a repository or of a ledger; none is the absence of a tag.
type state struct {
	champion, previous string
	entries            string
}

const (
	none      = "-"
	separator = "\n"
)

func (o object) check() porcupine.CheckResult {
	begin := state{champion: none, previous: none}
	operations := []porcupine.Operation{}
	clients := map[string]int{}
	for _, next := range o.calls {
		if next.Op == "begin" {
			begin = state{name(next.Input.Champion), name(next.Input.Previous), strings.Join(next.Input.Entries, separator)}
			continue
		}
		if _, ok := clients[next.Client]; !ok {
			clients[next.Client] = len(clients)
		}
		operations = append(operations, porcupine.Operation{
			ClientId: clients[next.Client], Input: next, Call: next.Call, Output: nil, Return: next.Return,
		})
	}
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{begin} },
		Step: func(present, asked, _ any) []any {
			states := []any{}
			for _, next := range o.step(present.(state), asked.(call)) {
				states = append(states, next)
			}
			return states
		},
	}
	return porcupine.CheckOperationsTimeout(model.ToModel(), operations, patience)
}

// champion returns the possible states of the tags after a call; none if the call is not possible in this state.
func champion(present state, next call) []state {
	in, out := next.Input, next.Output
	switch {
	case next.Op == "entries" || next.Op == "accept":
		return []state{present}
	case next.Op == "hand":
		if in.Digest == nil {
			return []state{{champion: none, previous: none}}
		}
		return []state{{champion: *in.Digest, previous: present.previous}}
	case next.Op == "read" && out.Kind == "read":
		return only(present, present.champion == name(out.Champion))
	case next.Op == "promote" && out.Kind == "moved":
		return promoted(present, next)
	case next.Op == "rollback" && out.Kind == "moved":
		return rolledBack(present, next)
	case out.Kind == "unmoved":
		return only(present, present.champion == name(out.Champion) && !(out.IsChampion && next.Op == "promote" && name(out.Champion) != name(in.Digest)))
	case out.Kind == "unknown" || out.Kind == "rejected":
		return unknown(present, next)
	}
	return []state{present}
}

// promoted: the champion was the expected one, or another call of the same run has moved it already, or somebody has
// moved the tag in the moment between the last look and the move, for which registries have no condition.
func promoted(present state, next call) []state {
	digest := name(next.Input.Digest)
	if present.champion == digest {
		return moved(present, next, digest)
	}
	overwrote := next.Input.Overwrote != nil && present.champion == *next.Input.Overwrote
	if present.champion != name(next.Input.Expected) && !overwrote {
		return nil
	}
	return moved(present, next, digest)
}

func rolledBack(present state, next call) []state {
	after := name(next.Output.Champion)
	if present.champion == after {
		return moved(present, next, after)
	}
	if next.Input.To == nil && present.previous != after {
		return nil
	}
	return moved(present, next, after)
}

// moved: the former champion is the previous one, unless it has no papers. A move to where somebody has already moved the
// tag by hand is that too: the former champion is then the ledger's.
func moved(present state, next call, after string) []state {
	states := []state{{champion: after, previous: present.previous}}
	if next.Input.Intent != nil && next.Input.Intent.Before != nil {
		states = append(states, state{champion: after, previous: *next.Input.Intent.Before})
	}
	return states
}

// unknown: the call had no effect, or now that of the move that it had written down.
func unknown(present state, next call) []state {
	states, intent := []state{present}, next.Input.Intent
	if intent == nil || intent.After == nil || next.Op == "accept" {
		return states
	}
	if next.Op == "rollback" || present.champion == name(intent.Before) {
		states = append(states, moved(present, next, *intent.After)...)
	}
	return states
}

// ledger returns the possible states of the ledger after a call: one that has moved the champion, or accepted a state,
// has appended its entry; one of which the result is not known may have, if it has written it down.
func ledger(present state, next call) []state {
	if next.Op == "entries" && next.Output.Kind == "read" {
		return only(present, present.entries == strings.Join(next.Output.Entries, separator))
	}
	intent := next.Input.Intent
	if intent == nil {
		return []state{present}
	}
	entry := " " + next.Input.Run
	if intent.After != nil {
		entry = *intent.After + entry
	}
	states := appended(present, entry)
	if next.Output.Kind != "moved" {
		states = append(states, present)
	}
	return states
}

// appended: an entry is in the ledger once.
func appended(present state, entry string) []state {
	entries := strings.Split(present.entries, separator)
	if present.entries == "" {
		return []state{{entries: entry}}
	}
	if slices.Contains(entries, entry) {
		return []state{present}
	}
	return []state{{entries: present.entries + separator + entry}}
}

func only(present state, holds bool) []state {
	if holds {
		return []state{present}
	}
	return nil
}

func name(digest *string) string {
	if digest == nil {
		return none
	}
	return *digest
}
