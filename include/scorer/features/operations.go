package features

// operation is one of the spec's: the scopes that it may have in a spec of pairs, the parameters that an entry may have, and
// how it is compiled.
type operation struct {
	scopes  []scope // any, if it says none
	pairs   bool    // stands in specs of pairs alone
	params  []param
	missing float64 // where the entry says nothing
	compile func(p *Program, f *Feature) evaluator
}

var (
	filter  = []param{maskOf("kinds", (*Feature).kindMask, kindNames[:listedKinds]), maskOf("pages", (*Feature).pageMask, pageNames[:listedPages])}
	missing = param{name: "missing", read: readMissing}
	entityP = choice("of", (*Feature).of, "item", "category").needed()
	by      = choice("by", func(f *Feature) *string { return &f.By }, "clicks", "dwell")
	scopeP  = param{name: "scope", read: readScope}
	at      = choice("at", func(f *Feature) *string { return &f.At }, "first", "last").needed()
	value   = filtered(0, compileValue, choice("of", (*Feature).of, "price", "quantity", "amount").needed(), missing)
)

// operations are those of leapline.features.operations.
var operations map[string]operation

func init() { // not a literal: it would refer to itself by way of Compile
	operations = map[string]operation{
		"count": filtered(0, compileCount),
		"count_distinct": filtered(0, compileCountDistinct,
			choice("of", (*Feature).of, "item", "category", "item_category", "page").needed()).within(wholeSession),
		"repeats": filtered(0, compileRepeats, entityP).within(wholeSession),
		"fraction": filtered(0, compileFraction,
			maskOf("among", func(f *Feature) *mask { return &f.among }, kindNames[:listedKinds]).needed(), missing),
		"followed": filtered(0, compileFollowed,
			maskOf("next_kinds", func(f *Feature) *mask { return &f.nextKinds }, kindNames[:listedKinds]),
			maskOf("next_pages", func(f *Feature) *mask { return &f.nextPages }, pageNames[:listedPages]),
			flag("negate", func(f *Feature) *bool { return &f.Negate })),
		"span":  filtered(0, compileSpan),
		"since": filtered(-1, compileSince, missing),
		"time_part": filtered(-1, compileTimePart, at,
			choice("part", func(f *Feature) *string { return &f.Part }, "month", "day", "hour", "minute", "second", "weekday",
				"second_of_day", "month_day", "month_day_hour").needed(),
			flag("categorical", func(f *Feature) *bool { return &f.Categorical }), missing),
		"sum": value, "min": value, "max": value, "mean": value, "last": value,
		"cart_value": unfiltered(compileCartValue),
		"dwell": filtered(0, compileDwell,
			choice("stat", func(f *Feature) *string { return &f.Stat }, "total", "max", "mean").needed(), missing),
		"top_k": filtered(0, compileTopK, entityP, rankUpTo(100), by,
			choice("give", func(f *Feature) *string { return &f.Give }, "clicks", "seconds", "price", "id").needed(), missing).
			within(wholeSession),
		"share":            filtered(0, compileShare, entityP, by, missing).within(wholeSession),
		"clicked_at_least": filtered(0, compileClickedAtLeast, entityP, at, rankUpTo(100)).within(wholeSession),
		"attribute": unfiltered(compileAttribute,
			choice("of", (*Feature).of, "device", "referrer", "session_index", "new_visitor").needed()).within(wholeSession),
		"popular": filtered(0, compilePopular, entityP, param{name: "vocabulary", read: readVocabulary}.needed(), rankUpTo(1000),
			choice("give", func(f *Feature) *string { return &f.Give }, "clicks", "seconds").needed()).within(wholeSession),
		"markov":    unfiltered(compileMarkov).within(wholeSession),
		"relative":  filtered(0, compileRelative, by, missing).ofPairs().within(ofItem, ofCategories),
		"pair_item": unfiltered(compilePairItem).ofPairs().within(ofItem),
	}
}

func filtered(missing float64, compile func(p *Program, f *Feature) evaluator, params ...param) operation {
	params = append(filter[:len(filter):len(filter)], params...)
	return operation{params: append(params, scopeP), missing: missing, compile: compile}
}

func unfiltered(compile func(p *Program, f *Feature) evaluator, params ...param) operation {
	return operation{params: append(params, scopeP), compile: compile}
}

func (o operation) within(scopes ...scope) operation {
	o.scopes = scopes
	return o
}

func (o operation) ofPairs() operation {
	o.pairs = true
	return o
}

// isCategory says whether a feature is a string.
func (f *Feature) isCategory() bool {
	switch f.Op {
	case "time_part":
		return f.Categorical
	case "top_k":
		return f.Give == "id"
	case "attribute":
		return f.Of == "device" || f.Of == "referrer"
	}
	return f.Op == "clicked_at_least" || f.Op == "pair_item"
}

// check refuses what no single parameter can express.
func (f *Feature) check() error {
	if f.Op == "time_part" && parts[f.Part] == nil && !f.Categorical {
		return fault("field categorical", "false", "true, since "+f.Part+" is no number")
	}
	return nil
}
