package format

import "time"

// Kinds of notes, and what their values say. A withdrawn note is one whose value is empty.
const (
	NoteProtected = "protected" // "yes": forget leaves the point alone
	NoteDamaged   = "damaged"   // what of the point cannot be read
	NoteAnomaly   = "anomaly"   // NoteAccepted: what the manifest calls an anomaly was expected
	NoteRenamed   = "renamed"   // the machine's name since
)

// Values of notes.
const (
	NoteYes      = "yes"
	NoteAccepted = "accepted"
)

// A Note is a fact about a point that came after it. Of the notes of a kind, the one of the highest number counts.
type Note struct {
	Point UUID
	Kind  string // one that a reader does not know says nothing to it
	Value string // "" withdraws what earlier ones of the kind said
	Time  time.Time
	Host  string // of the writer
	Extra []Extra
}

func (n *Note) fields() []field {
	return []field{
		uuidField(critical|1, &n.Point), text(critical|2, &n.Kind), text(3, &n.Value), instant(4, &n.Time), text(5, &n.Host),
	}
}
func (n *Note) extras() *[]Extra { return &n.Extra }

// Marshal gives the record's bytes, to be sealed.
func (n *Note) Marshal() []byte { return encode(n) }

// Unmarshal reads the record's bytes.
func (n *Note) Unmarshal(b []byte) error {
	*n = Note{}
	if err := decode(n, b); err != nil {
		return err
	}
	return n.Validate()
}

// MaxNote bounds a note's value in bytes, so that a folder of them can be held.
const MaxNote = 64 << 10

// Validate refuses a note of nothing.
func (n *Note) Validate() error {
	if n.Point.IsZero() || !PathName(n.Kind) || len(n.Value) > MaxNote {
		return malformed("note of kind %q, %d bytes, on point %v", n.Kind, len(n.Value), n.Point)
	}
	return nil
}

// Facts are what the notes of a point come to. The zero value is a point without notes.
type Facts struct {
	Protected bool
	Damaged   string // what of the point cannot be read; "" is nothing known
	Accepted  bool   // the anomaly was expected
	Renamed   string // the machine's name since; "" is the manifest's
	// Doubtful says that a note is damaged. What it said is not known, so that the point counts as protected, until a later
	// note says whether it is.
	Doubtful bool
}

// Take adds a note; they come in the order of their numbers.
func (f *Facts) Take(n *Note) {
	switch n.Kind {
	case NoteProtected:
		f.Protected = n.Value != ""
	case NoteDamaged:
		f.Damaged = n.Value
	case NoteAnomaly:
		f.Accepted = n.Value == NoteAccepted
	case NoteRenamed:
		f.Renamed = n.Value
	}
}

// Doubt adds a note that cannot be read.
func (f *Facts) Doubt() { f.Doubtful, f.Protected = true, true }
