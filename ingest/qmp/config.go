package qmp

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"

	"vbfs/hyper/qmp"
	"vbfs/index/format"
)

// questions are those whose answers a point records, by the file's name.
var questions = []struct{ file, command string }{
	{"qmp-block.json", "query-block"},
	{"qmp-version.json", "query-version"},
	{"qmp-status.json", "query-status"},
}

// configs are what a point records of how the machine is made: what QEMU says of it, and the words that started it.
func configs(ctx context.Context, c *qmp.Client, f facts) (files []format.ConfigFile, err error) {
	add := func(name string, value any) error {
		b, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			return err
		}
		files = append(files, format.ConfigFile{Kind: "qmp", Name: name, Data: append(withoutSecrets(b), '\n')})
		return nil
	}
	for _, q := range questions {
		var answer json.RawMessage
		err := c.Do(ctx, q.command, nil, &answer)
		if errors.Is(err, qmp.ErrNoCommand) {
			continue
		}
		if err == nil {
			err = add(q.file, answer)
		}
		if err != nil {
			return nil, err
		}
	}
	if words, err := f.process.CommandLine(); err == nil { // else it runs where nobody can see
		return files, add("qmp-cmdline.json", words)
	}
	return files, nil
}

// Secrets: the password in a URI, and what follows -object secret,data= and password=, in which a comma is written twice.
var (
	uriSecret    = regexp.MustCompile(`(://[^/@:"\s]*):[^/@"\s]+@`)
	optionSecret = regexp.MustCompile(`(\bdata=|\bpassword=)(?:,,|[^,"])+`)
)

func withoutSecrets(b []byte) []byte {
	return optionSecret.ReplaceAll(uriSecret.ReplaceAll(b, []byte("$1:***@")), []byte("$1***"))
}
