package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"vbfs/cmd/internal/cli"
)

// A wanted machine, or several: what names them, and who says so.
type wanted struct {
	pattern string
	where   string // FILE:LINE of a list; "" is an argument, which has to be right
}

// maxList bounds files that are read as a whole, in bytes: more machines than any inventory has.
const maxList = 16 << 20

// readList reads a file that names machines: a name, path or pattern a line, as in ghettoVCB's vms_to_backup. Blanks around it, empty lines
// and lines that begin with # count for nothing; what else is in a line is the name.
func readList(file string) (out []wanted, err error) {
	b, err := readSmall(file)
	if err != nil {
		return nil, cli.Usage("--list: %w", err)
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff")) // of editors that say so that it is UTF-8
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, maxList+1)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "", strings.HasPrefix(line, "#"):
			continue
		case !utf8.ValidString(line):
			return nil, cli.Usage("--list: %s:%d is not UTF-8", file, n)
		}
		out = append(out, wanted{line, fmt.Sprintf("%s:%d", file, n)})
	}
	if out == nil && lines.Err() == nil {
		return nil, cli.Usage("--list: %s names no machine", file)
	}
	return out, lines.Err()
}

func readSmall(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxList+1))
	if len(b) > maxList {
		return nil, fmt.Errorf("%s has more than %d bytes", file, maxList)
	}
	return b, err
}
