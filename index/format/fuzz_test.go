package format

import (
	"bytes"
	"testing"
)

// fuzz feeds a decoder from one sample.
func fuzz(f *testing.F, name string) {
	for _, s := range samples() {
		if s.name == name {
			f.Add(s.bytes)
			f.Fuzz(func(t *testing.T, b []byte) { checkDecoder(t, s.again, b) })
		}
	}
}

func FuzzConfig(f *testing.F)       { fuzz(f, "config") }
func FuzzKeySlot(f *testing.F)      { fuzz(f, "keyslot") }
func FuzzKeyring(f *testing.F)      { fuzz(f, "keyring") }
func FuzzSession(f *testing.F)      { fuzz(f, "session") }
func FuzzNote(f *testing.F)         { fuzz(f, "note") }
func FuzzManifest(f *testing.F)     { fuzz(f, "manifest") }
func FuzzLeaf(f *testing.F)         { fuzz(f, "leaf") }
func FuzzInner(f *testing.F)        { fuzz(f, "inner") }
func FuzzPackHeader(f *testing.F)   { fuzz(f, "packheader") }
func FuzzPackFooter(f *testing.F)   { fuzz(f, "packfooter") }
func FuzzSlot(f *testing.F)         { fuzz(f, "slot") }
func FuzzAddress(f *testing.F)      { fuzz(f, "address") }
func FuzzSealed(f *testing.F)       { fuzz(f, "sealed") }
func FuzzAgeSlot(f *testing.F)      { fuzz(f, "ageslot") }
func FuzzRecoverySlot(f *testing.F) { fuzz(f, "recoveryslot") }
func FuzzVerified(f *testing.F)     { fuzz(f, "verified") }

func FuzzCollection(f *testing.F)   { fuzz(f, "collection") }
func FuzzCollected(f *testing.F)    { fuzz(f, "collected") }
func FuzzMoves(f *testing.F)        { fuzz(f, "moves") }
func FuzzParts(f *testing.F)        { fuzz(f, "parts") }
func FuzzBundleFooter(f *testing.F) { fuzz(f, "bundlefooter") }

// FuzzFramedRecord reaches the records behind the sum that guards them.
func FuzzFramedRecord(f *testing.F) {
	f.Add(encode(sampleConfig()))
	f.Add(encode(sampleKeySlot()))
	f.Add(encode(sampleAgeSlot()))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range []record{new(Config), new(KeySlot)} {
			if decode(r, b) == nil && !bytes.Equal(encode(r), b) {
				t.Fatalf("%T: %x encodes to %x", r, b, encode(r))
			}
		}
	})
}

// FuzzIDs reads what users write.
func FuzzIDs(f *testing.F) {
	f.Add(uuid(1).String())
	f.Add(pack(0xa0).String())
	f.Add("A0A1A2A3A4A5A6A7")
	f.Fuzz(func(t *testing.T, s string) {
		if u, err := ParseUUID(s); err == nil && u.String() != s {
			t.Errorf("UUID %q is %v", s, u)
		}
		if p, err := ParsePackID(s); err == nil && p.String() != s {
			t.Errorf("pack ID %q is %v", s, p)
		}
	})
}
