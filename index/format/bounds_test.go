package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"
)

// repeat makes a record of n empty fields of one tag.
func repeat(tag uint16, n int) []byte {
	return bytes.Repeat(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint16(nil, tag), 0), n)
}

// TestHostileLengths decodes what asks for much memory in few bytes.
func TestHostileLengths(t *testing.T) {
	head := func(level uint8, entries, packs, parts uint16) []byte {
		b := nodeHead{level: level}.append(nil)
		binary.LittleEndian.PutUint16(b[6:], entries)
		binary.LittleEndian.PutUint16(b[8:], packs)
		binary.LittleEndian.PutUint16(b[10:], parts)
		return b
	}
	for name, test := range map[string]struct {
		decode func([]byte) error
		bytes  []byte
	}{
		"disks":       {new(Manifest).Unmarshal, repeat(critical|21, 4<<20)},
		"tags":        {new(Manifest).Unmarshal, repeat(16, 8<<20)},
		"extras":      {new(Session).Unmarshal, repeat(77, 8<<20)},
		"masters":     {new(Keyring).Unmarshal, repeat(critical|1, 8<<20)},
		"stamps":      {new(Verified).Unmarshal, repeat(1, 8<<20)},
		"long field":  {new(Session).Unmarshal, []byte{1, 0, 0xff, 0xff, 0xff, 0xff}},
		"large":       {new(Session).Unmarshal, make([]byte, maxRecord+1)},
		"leaf packs":  {new(Leaf).Unmarshal, head(1, 256, 0xffff, 256)},
		"leaf runs":   {new(Leaf).Unmarshal, head(1, 256, 0, 0xffff)},
		"children":    {new(Inner).Unmarshal, head(2, 0xffff, 0, 0)},
		"child nodes": {new(Inner).Unmarshal, head(2, 256, 0, 0xffff)},
		"node":        {new(Inner).Unmarshal, append(head(2, 1, 0, 0), make([]byte, MaxNode)...)},
		"sealed":      {func(b []byte) error { _, err := ParseEnvelope(b); return err }, make([]byte, MaxSealed+1)},
		"framed":      {new(Config).Unmarshal, append([]byte(framedMagic), make([]byte, maxFramed)...)},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := test.decode(test.bytes)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v", err)
			}
			// All that was allocated on the way and mostly dropped again: 65,536 nested records of 6 KiB at the worst.
			if n := after.TotalAlloc - before.TotalAlloc; n > 512<<20 {
				t.Errorf("%d MiB allocated for %d KiB", n>>20, len(test.bytes)>>10)
			}
		})
	}
}

// TestRefused changes a sample into what no writer makes.
func TestRefused(t *testing.T) {
	manifest := func(change func(*Manifest)) error {
		m := sampleManifest()
		change(m)
		return new(Manifest).Unmarshal(m.Marshal())
	}
	for name, test := range map[string]struct{ got, want error }{
		"manifest":        {manifest(func(m *Manifest) {}), nil},
		"no point":        {manifest(func(m *Manifest) { m.Point = UUID{} }), ErrMalformed},
		"slash":           {manifest(func(m *Manifest) { m.Name = "../x" }), ErrMalformed},
		"machine dot":     {manifest(func(m *Manifest) { m.MachineName = ".." }), ErrMalformed},
		"disk slash":      {manifest(func(m *Manifest) { m.Disks[0].Name = "a/b" }), ErrMalformed},
		"long name":       {manifest(func(m *Manifest) { m.Disks[0].Name = strings.Repeat("a", 201) }), ErrMalformed},
		"two vda":         {manifest(func(m *Manifest) { m.Disks[1].Name = "vda" }), ErrMalformed},
		"negative size":   {manifest(func(m *Manifest) { m.Disks[0].Size = -1 }), ErrMalformed},
		"absurd size":     {manifest(func(m *Manifest) { m.Disks[0].Size = MaxDisk + 1 }), ErrMalformed},
		"other height":    {manifest(func(m *Manifest) { m.Disks[0].Height = 2 }), ErrUnknown},
		"other fan-out":   {manifest(func(m *Manifest) { m.Disks[0].Log2Fan = 9 }), ErrUnknown},
		"huge root":       {manifest(func(m *Manifest) { m.Disks[0].Root = make([]byte, MaxNode+1) }), ErrMalformed},
		"critical extra":  {manifest(func(m *Manifest) { m.Extra = []Extra{{critical | 500, nil}} }), ErrUnknown},
		"note of nothing": {new(Note).Unmarshal(nil), ErrMalformed},
		"note of no kind": {new(Note).Unmarshal((&Note{Point: uuid(1)}).Marshal()), ErrMalformed},
		"long note": {new(Note).Unmarshal((&Note{Point: uuid(1), Kind: "x", Value: strings.Repeat("a", MaxNote+1)}).Marshal()),
			ErrMalformed},
		"unknown child": {new(Inner).Unmarshal((&Inner{Level: 2, Children: []Child{{Kind: Unknown}}}).Marshal()), ErrUnknown},
		"child codec":   {new(Inner).Unmarshal((&Inner{Level: 2, Children: []Child{{Kind: Data, Codec: 9}}}).Marshal()), ErrUnknown},
		"beyond slots":  {new(Leaf).Unmarshal((&Leaf{N: 2, Runs: []Run{{N: 2, Kind: Data, At: Address{Slot: 65535}}}}).Marshal()), ErrMalformed},
		"runs not joined": {new(Leaf).Unmarshal((&Leaf{N: 3, Runs: []Run{{N: 1}, {First: 1, N: 2}}}).Marshal()),
			ErrMalformed},
		"argon2 memory": {keySlot(func(s *KeySlot) { s.Memory = 1 << 30 }), ErrMalformed},
		"argon2 time":   {keySlot(func(s *KeySlot) { s.Time = 1 << 20 }), ErrMalformed},
		"salt":          {keySlot(func(s *KeySlot) { s.Salt = nil }), ErrMalformed},
		"wrapped key":   {keySlot(func(s *KeySlot) { s.Wrapped = make([]byte, 16<<10+1) }), ErrMalformed},
		"label":         {keySlot(func(s *KeySlot) { s.Label = strings.Repeat("a", 201) }), ErrMalformed},
		"recipient":     {keySlot(func(s *KeySlot) { s.Kind, s.Recipient = SlotAge, strings.Repeat("a", 4<<10+1) }), ErrMalformed},
		"recovery salt": {keySlot(func(s *KeySlot) { s.Kind, s.Salt = SlotRecovery, s.Salt[1:] }), ErrMalformed},
		"slot kind":     {keySlot(func(s *KeySlot) { s.Kind = "tpm" }), ErrUnknown},
		"two of a pack": {new(Verified).Unmarshal((&Verified{Packs: []Stamp[PackID]{{pack(1), instantOf}, {pack(1), instantOf}}}).Marshal()),
			ErrMalformed},
		"points out of order": {new(Verified).Unmarshal((&Verified{Points: []Stamp[UUID]{{uuid(2), instantOf}, {uuid(1), instantOf}}}).Marshal()),
			ErrMalformed},
		"part of a stamp": {new(Verified).Unmarshal(appendField(nil, 1, make([]byte, 17))), ErrMalformed},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: %v, not %v", name, test.got, test.want)
		}
	}
}

func keySlot(change func(*KeySlot)) error {
	s := sampleKeySlot()
	change(s)
	return new(KeySlot).Unmarshal(s.Marshal())
}

// TestExtremes takes the largest nodes there are through their codecs.
func TestExtremes(t *testing.T) {
	leaf, inner := new(Leaf), &Inner{Level: MaxHeight}
	for i := range LeafSize {
		p := PackID{byte(i), 1}
		leaf.Append(Run{First: i, N: 1, Kind: Data, At: Address{p, 65535}})
		inner.Children = append(inner.Children, Child{Kind: Data, At: Address{p, 65535}, Len: 65535, Off: 1<<32 - 1})
	}
	if b := leaf.Marshal(); len(b) != 3356 || new(Leaf).Unmarshal(b) != nil {
		t.Errorf("leaf of %d bytes: %v", len(b), new(Leaf).Unmarshal(b))
	}
	if b := inner.Marshal(); len(b) != 8988 || new(Inner).Unmarshal(b) != nil {
		t.Errorf("inner node of %d bytes: %v", len(b), new(Inner).Unmarshal(b))
	}
	for i := range LeafSize {
		if r := leaf.Find(i); r.First != i || r.At.Pack != (PackID{byte(i), 1}) {
			t.Errorf("find %d: %v", i, r)
		}
	}
}

func TestHeight(t *testing.T) {
	for size, want := range map[int64]uint8{0: 1, 1: 1, 1 << 24: 1, 1<<24 + 1: 2, 1 << 32: 2, 1<<32 + 1: 3, 1 << 40: 3,
		1<<40 + 1: 4, 16 << 40: 4, MaxDisk: 6} {
		if got := Height(size); got != want || got > MaxHeight {
			t.Errorf("%d bytes: height %d, not %d", size, got, want)
		}
	}
}

func TestSummaryLeavesOutMaps(t *testing.T) {
	m := sampleManifest()
	s := m.Summary()
	if s.Disks[0].Root != nil || s.Configs != nil || m.Disks[0].Root == nil || m.Configs == nil {
		t.Error("summary keeps maps or configuration, or takes them from the manifest")
	}
}
