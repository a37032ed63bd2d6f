package proto

import "strconv"

// An Errno is the error of a reply ("Error values").
type Errno uint32

const (
	OK        Errno = 0
	EPERM     Errno = 1
	EIO       Errno = 5
	EINVAL    Errno = 22
	EOVERFLOW Errno = 75
)

// String is for people: the text that goes with the number in an error chunk.
func (e Errno) String() string {
	switch e {
	case OK:
		return "success"
	case EPERM:
		return "the export is read-only"
	case EIO:
		return "the data cannot be read"
	case EINVAL:
		return "invalid request"
	case EOVERFLOW:
		return "the request is too long"
	}
	return "error " + strconv.FormatUint(uint64(e), 10)
}
