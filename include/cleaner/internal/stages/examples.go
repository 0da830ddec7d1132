package stages

import (
	"errors"
	"fmt"

	"leapline/cleaner/internal/config"
	"leapline/cleaner/internal/examples"
	"leapline/cleaner/internal/frames"
)

func writeExamples(c *config.Config, in *frames.Reader, out *frames.Writer) error {
	table, err := examples.NewTable(out, c.Features, c.PerSession)
	if err != nil {
		return fmt.Errorf("feature spec: %w", err)
	}
	reader := examples.NewReader(table.Add)
	err = eachFrame(in, map[byte]func() error{frames.Table: func() error {
		rows, columns, err := in.Table()
		if err != nil {
			return err
		}
		return reader.Add(rows, columns)
	}})
	if err == nil {
		err = reader.End()
	}
	return errors.Join(err, table.End())
}
