package format

import (
	"slices"
	"time"
)

// A Collection says what prune is about to drop. While it stands, nothing new may name what it condemns.
type Collection struct {
	Host  string
	PID   int64
	Boot  string // boot ID of the host
	Start time.Time
	Moves uint64    // number of the record of moves that it began with; it can record none when there is another
	Packs []PackID  // in order: they go with all their slots
	Slots []Address // in order: they go, what else their packs hold is moved
	Extra []Extra
}

func (c *Collection) fields() []field {
	return []field{
		text(1, &c.Host), number(2, &c.PID), text(3, &c.Boot), instant(4, &c.Start),
		number(5, &c.Moves), listField(critical|6, &c.Packs), listField(critical|7, &c.Slots),
	}
}
func (c *Collection) extras() *[]Extra { return &c.Extra }

// Marshal gives the record's bytes, to be sealed.
func (c *Collection) Marshal() []byte { return encode(c) }

// Unmarshal reads the record's bytes.
func (c *Collection) Unmarshal(b []byte) error {
	*c = Collection{}
	if err := decode(c, b); err != nil {
		return err
	}
	if !ascends(c.Packs, PackID.Compare) || !ascends(c.Slots, Address.Compare) {
		return malformed("collection out of order")
	}
	return nil
}

// Condemns tells whether an address is about to go.
func (c *Collection) Condemns(a Address) bool {
	if _, all := slices.BinarySearchFunc(c.Packs, a.Pack, PackID.Compare); all {
		return true
	}
	_, one := slices.BinarySearchFunc(c.Slots, a, Address.Compare)
	return one
}

// Collected says that a collection has dropped what it would, and which writers were at work meanwhile: those may have
// found blocks before these were condemned, so that the collection has to stand until all of them have ended.
type Collected struct {
	Sessions []UUID // in order: their points
	Extra    []Extra
}

func (c *Collected) fields() []field  { return []field{listField(critical|1, &c.Sessions)} }
func (c *Collected) extras() *[]Extra { return &c.Extra }

// Marshal gives the record's bytes, to be sealed.
func (c *Collected) Marshal() []byte { return encode(c) }

// Unmarshal reads the record's bytes.
func (c *Collected) Unmarshal(b []byte) error {
	*c = Collected{}
	if err := decode(c, b); err != nil {
		return err
	}
	if !ascends(c.Sessions, UUID.Compare) {
		return malformed("sessions out of order")
	}
	return nil
}
