package virtnbd

import (
	"strconv"
	"strings"
	"time"

	"vbfs/index/format"
)

// Kinds of streams, as their files are called.
const (
	fileFull = "full"
	fileCopy = "copy"
	fileInc  = "inc"
	fileDiff = "diff"
)

const (
	dataSuffix    = ".data"
	partialSuffix = ".data.partial"
	sumSuffix     = ".chksum"
)

// A fileName is what a stream's file is called:
//
//	DISK.full.data  DISK.copy.data  DISK.inc.CHECKPOINT.data  DISK.diff.UNIXTIME.data
type fileName struct {
	name, disk, kind string
	of               string    // the checkpoint of an increment, the time of a differential one
	at               time.Time // of a differential one
}

func parseFileName(name string) (f fileName, ok bool) {
	f.name = name
	rest, ok := strings.CutSuffix(name, dataSuffix)
	if !ok {
		return f, false
	}
	f.disk, rest, _ = strings.Cut(rest, ".")
	f.kind, f.of, ok = strings.Cut(rest, ".")
	if !format.PathName(f.disk) {
		return f, false
	}
	switch f.kind {
	case fileFull, fileCopy:
		return f, !ok
	case fileInc:
		return f, f.of != ""
	case fileDiff:
		seconds, err := strconv.ParseInt(f.of, 10, 40)
		f.at = time.Unix(seconds, 0).UTC()
		return f, err == nil && seconds > 0
	}
	return f, false
}
