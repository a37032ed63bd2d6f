package machine

// A Result is what came of a restore.
type Result struct {
	Name, UUID string // of one that is foreseen alone, a new UUID is not known: ""
	Path       string // in an inventory, as far as there is one and it is known
	Disks      []Restored
	Notes      []string // what the user should know, a sentence each
	Short      []string // what was asked for and did not come about, a sentence each: the restore is done in part
}

// A Restored disk.
type Restored struct {
	Name, Path, Format string
	Size               int64
	Data               int64  // of the image, bytes
	Written            int64  // bytes that were written or zeroed: all but what was the same
	How                string // made, replaced, or by what was told what differs
}

// How a disk was restored.
const (
	Made     = "made"
	Replaced = "replaced"
	InPlace  = "overwritten"
	Compared = "compared with what it held"
	ByBitmap = "compared where its dirty bitmap tells of writes"
)
