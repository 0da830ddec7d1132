package features

// operation defines an operation of feature specs.
type operation struct {
	scopes  []scope // allowed in a spec of unit pair; nil means all
	pairs   bool    // only allowed in a spec of unit pair
	params  []param
	missing float64 // default of the parameter missing
	compile func(p *Program, f *Feature) evaluator
}

var (
	filter      = []param{maskParam("kinds", (*Feature).kindMask, kindNames[:allowedKinds]), maskParam("pages", (*Feature).pageMask, pageNames[:allowedPages])}
	missing     = param{name: "missing", read: readMissing}
	entityParam = choiceParam("of", (*Feature).of, "item", "category").require()
	by          = choiceParam("by", func(f *Feature) *string { return &f.By }, "clicks", "dwell")
	scopeParam  = param{name: "scope", read: readScope}
	at          = choiceParam("at", func(f *Feature) *string { return &f.At }, "first", "last").require()
	value       = filtered(0, compileValue, choiceParam("of", (*Feature).of, "price", "quantity", "amount").require(), missing)
)

// operations contains the operations that leapline.features.operations documents, by name.
var operations map[string]operation

func init() { // not a literal, which would be an initialisation cycle through Compile
	operations = map[string]operation{
		"count": filtered(0, compileCount),
		"count_distinct": filtered(0, compileCountDistinct,
			choiceParam("of", (*Feature).of, "item", "category", "item_category", "page").require()).withScopes(wholeSession),
		"repeats": filtered(0, compileRepeats, entityParam).withScopes(wholeSession),
		"fraction": filtered(0, compileFraction,
			maskParam("among", func(f *Feature) *mask { return &f.among }, kindNames[:allowedKinds]).require(), missing),
		"followed": filtered(0, compileFollowed,
			maskParam("next_kinds", func(f *Feature) *mask { return &f.nextKinds }, kindNames[:allowedKinds]),
			maskParam("next_pages", func(f *Feature) *mask { return &f.nextPages }, pageNames[:allowedPages]),
			flagParam("negate", func(f *Feature) *bool { return &f.Negate })),
		"span":  filtered(0, compileSpan),
		"since": filtered(-1, compileSince, missing),
		"time_part": filtered(-1, compileTimePart, at,
			choiceParam("part", func(f *Feature) *string { return &f.Part }, "month", "day", "hour", "minute", "second", "weekday",
				"second_of_day", "month_day", "month_day_hour").require(),
			flagParam("categorical", func(f *Feature) *bool { return &f.Categorical }), missing),
		"sum": value, "min": value, "max": value, "mean": value, "last": value,
		"cart_value": unfiltered(compileCartValue),
		"dwell": filtered(0, compileDwell,
			choiceParam("stat", func(f *Feature) *string { return &f.Stat }, "total", "max", "mean").require(), missing),
		"top_k": filtered(0, compileTopK, entityParam, rankParam(100), by,
			choiceParam("give", func(f *Feature) *string { return &f.Give }, "clicks", "seconds", "price", "id").require(), missing).
			withScopes(wholeSession),
		"share":            filtered(0, compileShare, entityParam, by, missing).withScopes(wholeSession),
		"clicked_at_least": filtered(0, compileClickedAtLeast, entityParam, at, rankParam(100)).withScopes(wholeSession),
		"attribute": unfiltered(compileAttribute,
			choiceParam("of", (*Feature).of, "device", "referrer", "session_index", "new_visitor").require()).withScopes(wholeSession),
		"popular": filtered(0, compilePopular, entityParam, param{name: "vocabulary", read: readVocabulary}.require(), rankParam(1000),
			choiceParam("give", func(f *Feature) *string { return &f.Give }, "clicks", "seconds").require()).withScopes(wholeSession),
		"markov":    unfiltered(compileMarkov).withScopes(wholeSession),
		"relative":  filtered(0, compileRelative, by, missing).pairsOnly().withScopes(ofItem, ofCategories),
		"pair_item": unfiltered(compilePairItem).pairsOnly().withScopes(ofItem),
	}
}

// filtered returns an operation on the events selected by kinds and pages.
func filtered(missing float64, compile func(p *Program, f *Feature) evaluator, params ...param) operation {
	params = append(filter[:len(filter):len(filter)], params...)
	return operation{params: append(params, scopeParam), missing: missing, compile: compile}
}

// unfiltered returns an operation on all events in scope.
func unfiltered(compile func(p *Program, f *Feature) evaluator, params ...param) operation {
	return operation{params: append(params, scopeParam), compile: compile}
}

// withScopes restricts the scopes.
func (o operation) withScopes(scopes ...scope) operation {
	o.scopes = scopes
	return o
}

// pairsOnly restricts the operation to specs of unit pair.
func (o operation) pairsOnly() operation {
	o.pairs = true
	return o
}

// isCategory reports whether a feature is categorical, a string.
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

// check validates conditions that involve several parameters.
func (f *Feature) check() error {
	if f.Op == "time_part" && parts[f.Part] == nil && !f.Categorical {
		return fault("field categorical", "false", "true, because "+f.Part+" is not a number")
	}
	return nil
}
