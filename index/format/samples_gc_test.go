package format

func sampleCollection() *Collection {
	return &Collection{Host: "backup", PID: 4711, Boot: "boot", Start: instantOf, Moves: 5, Packs: []PackID{pack(1), pack(9)},
		Slots: []Address{{pack(2), 7}, {pack(2), 513}, {pack(3), 0}}, Extra: extra}
}

func sampleCollected() *Collected {
	return &Collected{Sessions: []UUID{uuid(1), uuid(7)}, Extra: extra}
}

func sampleMoves() *Moves {
	return &Moves{Moved: []Move{{pack(1), pack(4)}, {pack(1), pack(5)}, {pack(2), pack(4)}},
		Bad: []Address{{pack(1), 3}, {pack(8), 65535}}, Extra: extra}
}

func sampleParts() []Part {
	other := sampleHeader()
	other.Kind, other.ID = KindData, pack(9)
	return []Part{
		{Header: sampleHeader(), Slots: []PartSlot{{3, Slot{900, Zstd}}, {4, Slot{17, Raw}}, {65535, Slot{MaxBlock, LZ4}}}},
		{Header: other, Slots: []PartSlot{{0, Slot{5000, S2}}}},
	}
}

// sampleBundleFooter fits the sample's parts.
func sampleBundleFooter() BundleFooter {
	h := sampleHeader()
	h.Kind = KindBundle
	return BundleFooter{Header: h, Slots: 4, Parts: 2, End: PackHeaderSize + 900 + 17 + MaxBlock + 5000}
}

func partsAgain(b []byte) (out []byte, err error) {
	parts, err := ParseParts(sampleBundleFooter(), b)
	for i := range parts {
		out = parts[i].AppendTo(out)
	}
	return out, err
}

// gcSamples are the structures of collection and bundles.
func gcSamples() []sample {
	var parts []byte
	for _, p := range sampleParts() {
		parts = p.AppendTo(parts)
	}
	return []sample{
		{"collection", sampleCollection().Marshal(), func(b []byte) ([]byte, error) { v := new(Collection); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"collected", sampleCollected().Marshal(), func(b []byte) ([]byte, error) { v := new(Collected); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"moves", sampleMoves().Marshal(), func(b []byte) ([]byte, error) { v := new(Moves); err := v.Unmarshal(b); return v.Marshal(), err }},
		{"parts", parts, partsAgain},
		{"bundlefooter", sampleBundleFooter().AppendTo(nil), func(b []byte) ([]byte, error) {
			v, err := ParseBundleFooter(b, sampleBundleFooter().Size())
			return v.AppendTo(nil), err
		}},
	}
}
