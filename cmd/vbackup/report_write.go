package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vbfs/cmd/internal/cli"
)

// reportForms write a report, by the extension of its file.
var reportForms = map[string]func(*runReport, io.Writer) error{
	".txt": (*runReport).text, ".json": (*runReport).json, ".html": (*runReport).html, ".htm": (*runReport).html,
}

// reports are the files that a run's report goes to; - is text on standard output.
type reports []string

// check refuses what could not be written in the end, before anything is done.
func (r reports) check(json bool) error {
	for i, file := range r {
		if slices.Contains(r[:i], file) {
			return cli.Usage("--report %s is there twice", file)
		}
		if file == "-" && json {
			return cli.Usage("--report - is text, and with --json standard output has JSON lines alone: name a file")
		}
		if file == "-" {
			continue
		}
		if reportForms[filepath.Ext(file)] == nil {
			return cli.Usage("--report %s: the name of a report ends in .txt, .json or .html, or it is - for standard output", file)
		}
		if at, err := os.Stat(file); err == nil && !at.Mode().IsRegular() {
			return cli.Usage("--report %s is no file", file)
		}
		if at, err := os.Stat(filepath.Dir(file)); err != nil || !at.IsDir() {
			return cli.Usage("--report %s: there is no directory %s", file, filepath.Dir(file))
		}
	}
	return nil
}

// write writes the report everywhere. All are tried.
func (r reports) write(report *runReport, stdout io.Writer) error {
	var failed error
	for _, file := range r {
		if err := report.to(file, stdout); err != nil {
			failed = errors.Join(failed, fmt.Errorf("report %s: %w", file, err))
		}
	}
	return failed
}

func (r *runReport) to(file string, stdout io.Writer) error {
	if file == "-" {
		return r.text(stdout)
	}
	var b bytes.Buffer
	if err := reportForms[filepath.Ext(file)](r, &b); err != nil {
		return err
	}
	return replaceFile(file, b.Bytes())
}

// replaceFile puts a file in the place of another: who reads has the old one or the new one, whole.
func replaceFile(file string, b []byte) (err error) {
	name := filepath.Join(filepath.Dir(file), fmt.Sprintf(".%s.%d", filepath.Base(file), os.Getpid()))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(name)
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(name, file)
}

// text has a line for each machine.
func (r *runReport) text(w io.Writer) error {
	fmt.Fprintf(w, "Backup on %s, %s to %s, %s\n\n", cli.Printable(r.Host), r.Started.UTC().Format(time.RFC3339), r.Ended.UTC().Format(time.RFC3339), cli.Took(r.Ended.Sub(r.Started)))
	if r.Error != "" {
		fmt.Fprintf(w, "%s\n\n", cli.Printable(oneLine(r.Error)))
	}
	t := cli.NewTable(w, "MACHINE", "RESULT", "LEVEL", "POINT", "START", "TOOK", "READ", "NEW", "STORED", "PATH", "WHY")
	for _, m := range r.Machines {
		t.Row(m.cells()...)
	}
	if err := t.Print(); err != nil {
		return err
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "\nwarning: %s\n", cli.Printable(warning))
	}
	_, err := fmt.Fprintf(w, "\n%s\n%s\n", r.Totals, r.Final)
	return err
}

func (m machineReport) cells() []string {
	cells := []string{m.Machine, m.Result, or(m.Level), "-", "-", "-", "-", "-", "-", or(m.Path), m.Why()}
	if m.Point != "" {
		cells[3] = m.Point[strings.LastIndex(m.Point, "@")+1:]
		cells[6], cells[7], cells[8] = cli.Size(m.Read), cli.Size(m.New), cli.Size(m.Stored)
	}
	if m.Start != nil {
		cells[4], cells[5] = m.Start.UTC().Format(time.RFC3339), m.Took()
	}
	return cells
}

func or(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Why is the reason of what became of a machine, and what there is to say beside it.
func (m machineReport) Why() string {
	words := slices.Clone(m.Warnings)
	if m.Reason != "" {
		words = append([]string{m.Reason}, words...)
	}
	return oneLine(strings.Join(words, "; "))
}

// Took is how long the machine took.
func (m machineReport) Took() string {
	return cli.Took(time.Duration(m.Seconds * float64(time.Second)))
}

// String is the totals in a sentence.
func (t reportTotals) String() string {
	machines := fmt.Sprintf("%d machines", t.Machines)
	if t.Machines == 1 {
		machines = "1 machine"
	}
	return fmt.Sprintf("%s: %d ok, %d with warnings, %d failed, %d skipped; read %s, new %s, stored %s",
		machines, t.OK, t.Warning, t.Failed, t.Skipped, cli.Size(t.Read), cli.Size(t.New), cli.Size(t.Stored))
}

func (r *runReport) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

//go:embed report.html
var reportHTML string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"size": cli.Size, "at": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }, "plain": cli.Printable,
	"took": func(r *runReport) string { return cli.Took(r.Ended.Sub(r.Started)) },
}).Parse(reportHTML))

func (r *runReport) html(w io.Writer) error { return reportTemplate.Execute(w, r) }
