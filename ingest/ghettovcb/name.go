package ghettovcb

import (
	"regexp"
	"strings"
	"time"
)

// archiveSuffix ends the names of archives.
const archiveSuffix = ".gz"

// stamped is how folders are called by default, VM_BACKUP_DIR_NAMING_CONVENTION="$(date +%F_%H-%M-%S)", by some releases with a space
// in place of an hour's first zero (%k).
var stamped = regexp.MustCompile(`^(.+)-(\d{4}-\d{2}-\d{2}_[ \d]\d-\d{2}-\d{2})$`)

// A folderName is what a folder's or an archive's name tells.
type folderName struct {
	machine string
	at      time.Time // the stamp, as if it were universal time; zero when there is none
}

// parseName reads the name of a folder that lies in a folder called parent. Without a stamp it has to begin with that: the
// folder's name is the machine's, and what comes behind it an index, or a convention of the user's own.
func parseName(name, parent string) (f folderName, ok bool) {
	if m := stamped.FindStringSubmatch(name); m != nil {
		at, err := time.Parse("2006-01-02_15-04-05", strings.Replace(m[2], " ", "0", 1))
		if err == nil {
			return folderName{m[1], at}, true
		}
	}
	rest, ok := strings.CutPrefix(name, parent+"-")
	return folderName{machine: parent}, ok && rest != "" && rest != "symlink"
}

// in gives the instant of a stamp that a clock of this zone showed.
func (f folderName) in(zone *time.Location) time.Time {
	t := f.at
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone).UTC()
}
