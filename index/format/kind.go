package format

// Version is the format version that this release writes and the only one it reads.
const Version = 1

// A Kind tells what an object or a sealed piece of one is. The numbers are stored.
type Kind uint16

// The kinds. A number is never used again.
const (
	KindConfig   Kind = 1  // framed record: Config
	KindKeySlot  Kind = 2  // framed record: KeySlot
	KindKeyring  Kind = 3  // sealed record: Keyring
	KindSession  Kind = 4  // sealed record: Session
	KindPending  Kind = 5  // sealed record: Manifest
	KindManifest Kind = 6  // sealed record: Manifest
	KindVoid     Kind = 7  // sealed, empty: a broken session's point
	KindSummary  Kind = 8  // sealed record in a catalog: Manifest without roots and configuration
	KindData     Kind = 9  // pack of disk blocks
	KindTree     Kind = 10 // pack of image map nodes
	KindSlots    Kind = 11 // first trailer section of a pack
	KindIDs      Kind = 12 // second trailer section of a pack

	KindNote       Kind = 13 // sealed record: Note
	KindCollection Kind = 14 // sealed record: Collection, of what prune is about to drop
	KindCollected  Kind = 15 // sealed record: Collected, when a collection is over
	KindMoves      Kind = 16 // sealed record: Moves
	KindVerified   Kind = 17 // sealed record: Verified
	KindBundle     Kind = 18 // bundle of slots of packs
	KindParts      Kind = 19 // first trailer section of a bundle
	KindPartIDs    Kind = 20 // second trailer section of a bundle
)

var kindNames = map[Kind]string{
	KindConfig: "config", KindKeySlot: "key slot", KindKeyring: "keyring", KindSession: "session",
	KindPending: "pending manifest", KindManifest: "manifest", KindVoid: "void", KindSummary: "summary",
	KindData: "data pack", KindTree: "tree pack", KindSlots: "slot lengths", KindIDs: "block IDs",
	KindNote: "note", KindCollection: "collection", KindCollected: "end of a collection", KindMoves: "moves",
	KindVerified: "record of verification", KindBundle: "bundle", KindParts: "parts of a bundle",
	KindPartIDs: "block IDs of a bundle",
}

// String names the kind for people.
func (k Kind) String() string {
	if s, ok := kindNames[k]; ok {
		return s
	}
	return "unknown kind"
}
