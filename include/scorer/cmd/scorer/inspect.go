package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
)

// report is the output of inspect.
type report struct {
	Name      string          `json:"name"`
	Format    string          `json:"format"`
	Version   string          `json:"version"`
	Timestamp string          `json:"timestamp"`
	Bytes     int64           `json:"bytes"`
	Entries   int             `json:"entries"`
	Digest    string          `json:"sha256,omitempty"`
	Stages    []stageReport   `json:"stages"`
	Inputs    []columnReport  `json:"inputs"`
	Outputs   []columnReport  `json:"outputs"`
	Finals    []string        `json:"final_outputs"`
	Features  []featureReport `json:"top_features,omitempty"`
	Manifest  json.RawMessage `json:"manifest,omitempty"`
}

type stageReport struct {
	Name    string   `json:"name"`
	Op      string   `json:"op"`
	Depth   int      `json:"depth"` // number of enclosing pipelines
	Inputs  []string `json:"inputs"`
	Outputs []string `json:"outputs"`
	Detail  string   `json:"detail"`
}

type columnReport struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// featureReport is the number of splits that test a feature, and their share of all splits.
type featureReport struct {
	Name   string  `json:"name"`
	Splits int     `json:"splits"`
	Share  float64 `json:"share"`
}

const topFeatures = 20

// runInspect prints the content of a bundle as text or JSON.
func runInspect(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("inspect", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	operands, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	archive, program, err := load(operands[0])
	if err != nil {
		return err
	}
	r, err := inspect(archive, program)
	if err != nil {
		return err
	}
	if *asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	_, err = io.WriteString(stdout, r.text())
	return err
}

func inspect(a *bundle.Archive, p *engine.Program) (*report, error) {
	r := &report{
		Name: a.Name, Format: a.Format, Version: a.Version, Timestamp: a.Timestamp, Bytes: a.Size, Entries: len(a.Names()),
		Digest: a.Digest, Stages: []stageReport{}, Inputs: columns(p.Inputs()), Outputs: columns(p.Outputs()), Finals: nonNil(p.FinalOutputs()),
	}
	for _, s := range p.Stages() {
		r.Stages = append(r.Stages, stageReport{s.Name, s.Op, s.Depth, nonNil(s.Inputs), nonNil(s.Outputs), s.Detail})
		if s.SplitCounts != nil {
			r.Features = features(p.FeatureNames(s), s.SplitCounts)
		}
	}
	manifest, ok, err := a.Extra("leapline/manifest.json")
	if err != nil {
		return nil, err
	}
	if ok {
		if !json.Valid(manifest) {
			return nil, &bundle.Error{Entry: "leapline/manifest.json", Err: fmt.Errorf("is not JSON")}
		}
		r.Manifest = manifest
	}
	return r, nil
}

// nonNil returns an empty list for nil, because JSON distinguishes null from an empty list.
func nonNil(names []string) []string { return append([]string{}, names...) }

func columns(from []engine.Column) []columnReport {
	out := make([]columnReport, len(from))
	for i, c := range from {
		out[i] = columnReport{c.Name, c.Type.String()}
	}
	return out
}

func features(names []string, uses map[int]int) []featureReport {
	total := 0
	var out []featureReport
	for i, n := range uses {
		if total += n; n > 0 && i < len(names) {
			out = append(out, featureReport{Name: names[i], Splits: n})
		}
	}
	slices.SortFunc(out, func(a, b featureReport) int {
		return cmp.Or(b.Splits-a.Splits, strings.Compare(a.Name, b.Name))
	})
	for i := range out {
		out[i].Share = float64(out[i].Splits) / float64(total)
	}
	return out[:min(len(out), topFeatures)]
}

func (r *report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  (%s, %d bytes, %d entries, written by version %s at %s)\n",
		r.Name, r.Format, r.Bytes, r.Entries, r.Version, r.Timestamp)
	for i, s := range r.Stages {
		branch := "├─"
		if i == len(r.Stages)-1 {
			branch = "└─"
		}
		fmt.Fprintf(&b, "%s%s %s: %s", strings.Repeat("│  ", s.Depth), branch, s.Op, s.Name)
		if s.Detail != "" {
			fmt.Fprintf(&b, " (%s)", s.Detail)
		}
		if len(s.Inputs) > 0 {
			fmt.Fprintf(&b, "\n%s   %s -> %s", strings.Repeat("│  ", s.Depth), abbreviate(s.Inputs), abbreviate(s.Outputs))
		}
		b.WriteByte('\n')
	}
	writeColumns(&b, "inputs", r.Inputs)
	writeColumns(&b, "outputs", r.Outputs)
	fmt.Fprintf(&b, "final outputs: %s\n", strings.Join(r.Finals, ", "))
	if len(r.Features) > 0 {
		b.WriteString("top features by splits:\n")
	}
	for _, f := range r.Features {
		fmt.Fprintf(&b, "  %5.1f %%  %6d  %s\n", 100*f.Share, f.Splits, f.Name)
	}
	writeManifest(&b, r.Manifest)
	return b.String()
}

// abbreviate joins names and shortens a long list.
func abbreviate(names []string) string {
	const limit = 6
	if len(names) > limit {
		return fmt.Sprintf("%s, ... %s (%d)", strings.Join(names[:limit-1], ", "), names[len(names)-1], len(names))
	}
	return strings.Join(names, ", ")
}

func writeColumns(b *strings.Builder, title string, list []columnReport) {
	fmt.Fprintf(b, "%s:\n", title)
	for _, c := range list {
		fmt.Fprintf(b, "  %s: %s\n", c.Name, c.Type)
	}
}

// writeManifest writes the entries of the manifest, one per line.
func writeManifest(b *strings.Builder, manifest json.RawMessage) {
	var entries map[string]json.RawMessage
	if json.Unmarshal(manifest, &entries) != nil {
		return
	}
	b.WriteString("manifest:\n")
	keys := make([]string, 0, len(entries))
	for key := range entries {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		value := strings.Join(strings.Fields(string(entries[key])), " ")
		if len(value) > 200 {
			value = strings.ToValidUTF8(value[:200], "") + "..."
		}
		fmt.Fprintf(b, "  %s: %s\n", key, value)
	}
}
