package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// Levels of messages.
type level int

const (
	always  level = iota
	normal        // not with -q
	verbose       // with -v alone
)

// Line prints v as a JSON line on standard output.
func (a *App) Line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(append(b, '\n')) // in one piece: progress comes from another goroutine
	return err
}

// Result prints a line of a command's result on standard output; with --json use Line.
func (a *App) Result(format string, args ...any) error {
	_, err := fmt.Fprintln(a.stdout, Printable(fmt.Sprintf(format, args...)))
	return err
}

// Say prints a message.
func (a *App) Say(format string, args ...any) { a.message(normal, format, args...) }

// Detail prints a message with -v.
func (a *App) Detail(format string, args ...any) { a.message(verbose, format, args...) }

// Warn prints a message in any case.
func (a *App) Warn(format string, args ...any) { a.message(always, "warning: "+format, args...) }

// message prints on standard error what is wanted there, and logs all.
func (a *App) message(l level, format string, args ...any) {
	text := Printable(fmt.Sprintf(format, args...))
	if a.log != nil {
		fmt.Fprintf(a.log, "%s %s\n", time.Now().UTC().Format(time.RFC3339), text)
	}
	if l == normal && a.Flags.Quiet || l == verbose && (a.Flags.Quiet || !a.Flags.Verbose) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintln(a.stderr, text)
}

// A detailWriter makes messages of what is written to it.
type detailWriter struct{ app *App }

func (w detailWriter) Write(p []byte) (int, error) {
	w.app.Detail("%s", trimNewline(string(p)))
	return len(p), nil
}

// Stdout is for results that are neither lines nor JSON: the bytes of a disk.
func (a *App) Stdout() io.Writer { return a.stdout }

// A Table is printed with its columns in line. Cells are quoted where that is needed.
type Table struct {
	w *tabwriter.Writer
}

// Table begins a table with its heads.
func (a *App) Table(heads ...string) *Table { return NewTable(a.stdout, heads...) }

// NewTable is a table that goes elsewhere.
func NewTable(w io.Writer, heads ...string) *Table {
	t := &Table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.Row(heads...)
	return t
}

// Row adds a row.
func (t *Table) Row(cells ...string) {
	for i := range cells {
		cells[i] = strings.ReplaceAll(Printable(cells[i]), "\t", " ")
	}
	fmt.Fprintln(t.w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
}

// Print prints the table.
func (t *Table) Print() error { return t.w.Flush() }

func (a *App) openLog() (err error) {
	if a.Flags.LogFile == "" {
		return nil
	}
	if a.log, err = os.OpenFile(a.Flags.LogFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	return nil
}

func (a *App) closeLog() {
	if a.log != nil {
		a.log.Close()
	}
}
