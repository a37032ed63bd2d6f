package format

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"time"

	"vbfs/index/block"
)

// A sample is one structure with every field set, and its decoder followed by its encoder.
type sample struct {
	name  string
	bytes []byte
	again func([]byte) ([]byte, error)
}

func fill(b []byte, from byte) {
	for i := range b {
		b[i] = from + byte(i)
	}
}

func uuid(from byte) (u UUID) { fill(u[:], from); return u }

func key(from byte) (k [32]byte) { fill(k[:], from); return k }

func pack(from byte) (p PackID) { fill(p[:], from); return p }

var extra = []Extra{{99, []byte("later")}}

var instantOf = time.Date(2026, 11, 20, 20, 3, 27, 123456789, time.UTC)

func sampleConfig() *Config {
	return &Config{Repository: uuid(1), Log2Block: block.Log2Size, Compression: "zstd", Encrypted: true, Extra: extra}
}

func sampleKeySlot() *KeySlot {
	return &KeySlot{Kind: SlotPassword, Label: "safe", Created: instantOf, Time: 3, Memory: 64 << 10, Threads: 4,
		Salt: bytes.Repeat([]byte{5}, 16), Wrapped: bytes.Repeat([]byte{6}, 48), Extra: extra}
}

func sampleAgeSlot() *KeySlot {
	return &KeySlot{Kind: SlotAge, Label: "escrow", Created: instantOf, Wrapped: bytes.Repeat([]byte{7}, 200),
		Recipient: "age1sample", Extra: extra}
}

func sampleRecoverySlot() *KeySlot {
	return &KeySlot{Kind: SlotRecovery, Label: "safe", Created: instantOf, Salt: bytes.Repeat([]byte{8}, 16),
		Wrapped: bytes.Repeat([]byte{9}, 48), Extra: extra}
}

func sampleKeyring() *Keyring {
	return &Keyring{Masters: []MasterKey{{Number: 1, Key: key(1)}, {Number: 2, Key: key(2), Extra: extra}},
		IDKey: key(3), Config: key(4), Slots: []string{"b", "", "a"}, Extra: extra}
}

func sampleSession() *Session {
	return &Session{Point: uuid(1), Base: uuid(2), Machine: uuid(3), Name: "web01", Host: "backup", PID: 4711, Boot: "boot",
		Start: instantOf, Lease: instantOf.Add(time.Minute), Extra: extra}
}

func sampleNote() *Note {
	return &Note{Point: uuid(1), Kind: NoteDamaged, Value: "vda at 65536", Time: instantOf, Host: "backup", Extra: extra}
}

func sampleVerified() *Verified {
	return &Verified{
		Packs:   []Stamp[PackID]{{pack(1), instantOf}, {pack(2), instantOf.Add(time.Hour)}},
		Points:  []Stamp[UUID]{{uuid(3), instantOf}, {uuid(4), instantOf}},
		Damaged: []Stamp[PackID]{{pack(5), instantOf}}, Extra: extra,
	}
}

func sampleManifest() *Manifest {
	return &Manifest{
		Point: uuid(1), Machine: uuid(2), MachineName: "web01", Name: "2026-11-20T20-03-27Z", Sequence: 7, Predecessor: uuid(3),
		Time: instantOf, Start: instantOf, End: instantOf.Add(time.Hour), Host: "backup", Asked: "auto", Done: "inc",
		Consistency: "filesystem", OriginRepo: uuid(4), OriginPoint: uuid(5), Tags: []string{"a=b", "c=d"},
		Hypervisor: []string{"libvirt=1234"}, Tool: "vbackup 1", Warnings: []string{"slow"},
		Configs: []ConfigFile{{Kind: "libvirt-domain", Name: "domain.xml", Data: []byte("<domain/>"), Extra: extra}},
		Disks:   []Disk{sampleDisk(), {Name: "vdb", State: DiskFailed, Reason: "no space"}}, Anomaly: "changed 62 %", Extra: extra,
	}
}

func sampleDisk() Disk {
	return Disk{ID: "disk-1", Name: "vda", Bus: "virtio", Size: 1 << 20, Logical: 512, Physical: 4096, Source: "qcow2",
		Tracking: "cp1", State: DiskCarried, Reason: "why", From: uuid(6), Log2Leaf: Log2Leaf, Log2Fan: Log2Fan, Height: 1,
		Root: sampleLeaf().Marshal(), Digest: [16]byte(uuid(7)), Read: 1, Changed: 2, New: 3, Stored: 4, Fallback: "no bitmap",
		Audited: 5, Origin: "o", Extra: extra}
}

func sampleLeaf() *Leaf {
	l := &Leaf{Digest: block.Digest{Lo: 1 << 40, Hi: 2 << 40}}
	for _, r := range []Run{
		{N: 3, Kind: Data, At: Address{pack(1), 7}}, {N: 2}, {N: 1, Kind: Unknown},
		{N: 4, Kind: Data, At: Address{pack(9), 65532}}, {N: 6, Kind: Data, At: Address{pack(1), 2}},
	} {
		r.First = l.N
		l.Append(r)
	}
	return l
}

func sampleInner() *Inner {
	return &Inner{Level: 2, Digest: block.Digest{Lo: 3, Hi: 4}, Children: []Child{
		{Kind: Data, At: Address{pack(1), 300}, Hash: NodeHash(uuid(9)), Off: 1 << 20, Len: 900, Codec: Zstd},
		{},
		{Kind: Data, At: Address{pack(2), 1}, Hash: NodeHash(uuid(8)), Off: 80, Len: 49, Codec: LZ4},
	}}
}

func sampleHeader() PackHeader {
	return PackHeader{Kind: KindTree, Key: 3, Repo: uuid(1), ID: pack(2), Salt: key(3)}
}

func sampleFooter() PackFooter { return PackFooter{Header: sampleHeader(), Slots: 5, End: 4096} }

// gcm is the cipher of the sealed sample.
func gcm(e Envelope) (cipher.AEAD, error) {
	c, err := aes.NewCipher(e.Salt[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(c)
}

func samples() []sample {
	sealed, err := Seal(Envelope{KindManifest, 2, key(5)}, gcm, []byte("place"), []byte("body"))
	if err != nil {
		panic(err)
	}
	return append([]sample{
		{"config", sampleConfig().Marshal(), func(b []byte) ([]byte, error) { v := new(Config); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"keyslot", sampleKeySlot().Marshal(), func(b []byte) ([]byte, error) { v := new(KeySlot); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"keyring", sampleKeyring().Marshal(), func(b []byte) ([]byte, error) { v := new(Keyring); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"session", sampleSession().Marshal(), func(b []byte) ([]byte, error) { v := new(Session); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"manifest", sampleManifest().Marshal(), func(b []byte) ([]byte, error) { v := new(Manifest); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"leaf", sampleLeaf().Marshal(), func(b []byte) ([]byte, error) { v := new(Leaf); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"inner", sampleInner().Marshal(), func(b []byte) ([]byte, error) { v := new(Inner); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"packheader", sampleHeader().AppendTo(nil), func(b []byte) ([]byte, error) {
			v, err := ParsePackHeader(b)
			return append(v.AppendTo(nil), b[min(len(b), PackHeaderSize):]...), err
		}},
		{"packfooter", sampleFooter().AppendTo(nil), func(b []byte) ([]byte, error) {
			v, err := ParsePackFooter(b, sampleFooter().Size())
			return v.AppendTo(nil), err
		}},
		{"slot", Slot{900, S2}.AppendTo(nil), func(b []byte) ([]byte, error) {
			v, err := ParseSlot(b)
			return append(v.AppendTo(nil), b[min(len(b), SlotSize):]...), err
		}},
		{"address", Address{pack(7), 513}.AppendTo(nil), func(b []byte) ([]byte, error) {
			v, err := ParseAddress(b)
			return v.AppendTo(nil), err
		}},
		{"sealed", sealed, func(b []byte) ([]byte, error) {
			body, err := Open(KindManifest, gcm, []byte("place"), b)
			if err != nil {
				return nil, err
			}
			e, err := ParseEnvelope(b)
			if err != nil {
				return nil, err
			}
			return Seal(e, gcm, []byte("place"), body)
		}},
		{"note", sampleNote().Marshal(), func(b []byte) ([]byte, error) { v := new(Note); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"ageslot", sampleAgeSlot().Marshal(), func(b []byte) ([]byte, error) { v := new(KeySlot); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"recoveryslot", sampleRecoverySlot().Marshal(), func(b []byte) ([]byte, error) { v := new(KeySlot); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"verified", sampleVerified().Marshal(), func(b []byte) ([]byte, error) { v := new(Verified); err := v.Unmarshal(b); return v.Marshal(), err }},
	}, gcSamples()...)
}
