package features

// operation is one of the spec's: the parameters that an entry may have, and how it is compiled.
type operation struct {
	params  []param
	missing float64 // where the entry says nothing
	compile func(p *Program, f *Feature) evaluator
}

var (
	filter  = []param{maskOf("kinds", (*Feature).kindMask, kindNames[:listedKinds]), maskOf("pages", (*Feature).pageMask, pageNames[:listedPages])}
	missing = param{name: "missing", read: readMissing}
	entityP = choice("of", (*Feature).of, "item", "category").needed()
	by      = choice("by", func(f *Feature) *string { return &f.By }, "clicks", "dwell")
	rankP   = param{name: "k", read: readRank}.needed()
	at      = choice("at", func(f *Feature) *string { return &f.At }, "first", "last").needed()
	value   = filtered(0, compileValue, choice("of", (*Feature).of, "price", "quantity", "amount").needed(), missing)
)

// operations are those of leapline.features.operations.
var operations map[string]operation

func init() { // not a literal: it would refer to itself by way of Compile
	operations = map[string]operation{
		"count": filtered(0, compileCount),
		"count_distinct": filtered(0, compileCountDistinct,
			choice("of", (*Feature).of, "item", "category", "item_category", "page").needed()),
		"repeats": filtered(0, compileRepeats, entityP),
		"fraction": filtered(0, compileFraction,
			maskOf("among", func(f *Feature) *mask { return &f.among }, kindNames[:listedKinds]).needed(), missing),
		"followed": filtered(0, compileFollowed,
			maskOf("next_kinds", func(f *Feature) *mask { return &f.nextKinds }, kindNames[:listedKinds]),
			maskOf("next_pages", func(f *Feature) *mask { return &f.nextPages }, pageNames[:listedPages]),
			flag("negate", func(f *Feature) *bool { return &f.Negate })),
		"span":  filtered(0, compileSpan),
		"since": filtered(-1, compileSince, missing),
		"time_part": {
			params: []param{
				at,
				choice("part", func(f *Feature) *string { return &f.Part }, "month", "day", "hour", "minute", "second", "weekday",
					"second_of_day", "month_day", "month_day_hour").needed(),
				flag("categorical", func(f *Feature) *bool { return &f.Categorical }),
			},
			compile: compileTimePart,
		},
		"sum": value, "min": value, "max": value, "mean": value, "last": value,
		"cart_value": {compile: compileCartValue},
		"dwell": filtered(0, compileDwell,
			choice("stat", func(f *Feature) *string { return &f.Stat }, "total", "max", "mean").needed(), missing),
		"top_k": filtered(0, compileTopK, entityP, rankP, by,
			choice("give", func(f *Feature) *string { return &f.Give }, "clicks", "seconds", "price", "id").needed(), missing),
		"share":            filtered(0, compileShare, entityP, by, missing),
		"clicked_at_least": filtered(0, compileClickedAtLeast, entityP, at, rankP),
		"attribute": {
			params:  []param{choice("of", (*Feature).of, "device", "referrer", "session_index", "new_visitor").needed()},
			compile: compileAttribute,
		},
	}
}

func filtered(missing float64, compile func(p *Program, f *Feature) evaluator, params ...param) operation {
	return operation{params: append(filter[:len(filter):len(filter)], params...), missing: missing, compile: compile}
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
	return f.Op == "clicked_at_least"
}

// check refuses what no single parameter can express.
func (f *Feature) check() error {
	if f.Op == "time_part" && parts[f.Part] == nil && !f.Categorical {
		return fault("field categorical", "false", "true, since "+f.Part+" is no number")
	}
	return nil
}
