package objecttest

// A Verb is what an operation does to a store.
type Verb string

// The operations of a store, and those of an upload.
const (
	Put    Verb = "put" // the beginning of an upload
	Get    Verb = "get"
	List   Verb = "list"
	Delete Verb = "delete"
	Stat   Verb = "stat"

	Write  Verb = "write"
	Commit Verb = "commit"
	Abort  Verb = "abort"
)

// Op is one operation on a store: Name is an object's or a List's prefix, Off is where a Get or Write begins, Len how many
// bytes a Get or Write is for, or how many a Commit or Abort finds written.
type Op struct {
	Verb     Verb
	Name     string
	Off, Len int64
}
