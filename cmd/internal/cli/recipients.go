package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"vbfs/index/seal"
)

// Recipients reads public keys: each argument is one, and each line of the files that is neither empty nor a comment.
func Recipients(texts, files []string) (out []seal.Recipient, err error) {
	for _, text := range texts {
		r, err := seal.ParseRecipient(text)
		if err != nil {
			return nil, &usageError{err: err}
		}
		out = append(out, r)
	}
	for _, file := range files {
		more, err := readRecipients(file)
		if err != nil {
			return nil, fmt.Errorf("recipients %s: %w", file, err)
		}
		out = append(out, more...)
	}
	return out, nil
}

func readRecipients(path string) (out []seal.Recipient, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f) // of 64 KiB at most
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := seal.ParseRecipient(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, r)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("it has none")
	}
	return out, nil
}
