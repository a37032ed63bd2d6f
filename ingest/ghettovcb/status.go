package ghettovcb

import (
	"fmt"
	"strings"
)

// A status is what ghettoVCB left of how a backup went: STATUS.ok, STATUS.warn, STATUS.error, or nothing.
type status struct {
	word string // ok, warn, error, none or unknown
	why  string // it is not whole; "" is: it is, or it is not known
}

// unknown is the status of an archive: ghettoVCB packs the folder before it writes one.
var unknown = status{word: "unknown"}

func (s status) whole() bool { return s.why == "" }

// status reads what the files say. The worst one counts: a run that failed leaves those of the run before it where it found
// them, in a folder that it used again.
func (f *folder) status() status {
	for _, word := range []string{"error", "warn"} {
		name := "STATUS." + word
		if _, ok := f.entries[name]; !ok {
			continue
		}
		text, err := f.small(name, maxStatus)
		if err != nil {
			return status{word, err.Error()}
		}
		return status{word, fmt.Sprintf("%s says %q", name, strings.TrimSpace(string(text)))}
	}
	if _, ok := f.entries["STATUS.ok"]; ok {
		return status{word: "ok"}
	}
	return status{"none", "there is no STATUS.ok: it was not written to its end"}
}

// maxStatus bounds a status file, in bytes: a sentence for each run.
const maxStatus = 64 << 10
