package format

import "time"

// A Session says that a writer is at work on a point.
type Session struct {
	Point, Base UUID // Base is zero when nothing is inherited
	Machine     UUID
	Name        string // of the machine
	Host        string
	PID         int64
	Boot        string // boot ID of the host
	Start       time.Time
	Lease       time.Time // when another may try to break the session
	Extra       []Extra
}

func (s *Session) fields() []field {
	return []field{
		uuidField(critical|1, &s.Point),
		uuidField(critical|2, &s.Base),
		uuidField(3, &s.Machine),
		text(4, &s.Name),
		text(5, &s.Host),
		number(6, &s.PID),
		text(7, &s.Boot),
		instant(8, &s.Start),
		instant(9, &s.Lease),
	}
}
func (s *Session) extras() *[]Extra { return &s.Extra }

// Marshal gives the record's bytes, to be sealed.
func (s *Session) Marshal() []byte { return encode(s) }

// Unmarshal reads the record's bytes.
func (s *Session) Unmarshal(b []byte) error { *s = Session{}; return decode(s, b) }
