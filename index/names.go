package index

import (
	"fmt"
	"strings"

	"vbfs/index/format"
)

// Names of objects, and folders of them.
const (
	configName     = "config"
	featuresFolder = "features"
	keysFolder     = "keys"
	keyringFolder  = "keyring"
	sessionsFolder = "sessions"
	pendingFolder  = "pending"
	pointsFolder   = "points"
	packsFolder    = "packs"
	verifiedFolder = "verified"
	tableFolder    = "table" // of segments, where they lie in the repository: no objects
	bundlesFolder  = "bundles"
	movesFolder    = "moves"
	gcFolder       = "gc"
	notesFolder    = "notes"
	reserveName    = "reserve"

	collectedSuffix = "-done" // of the object that ends a collection
)

func sessionName(point format.UUID) string { return sessionsFolder + "/" + point.String() }
func pendingName(point format.UUID) string { return pendingFolder + "/" + point.String() }
func gcName(id format.UUID) string         { return gcFolder + "/" + id.String() }
func slotName(id string) string            { return keysFolder + "/" + id }
func keyringName(n int) string             { return fmt.Sprintf("%s/%08d", keyringFolder, n) }

func noteFolder(point format.UUID) string { return notesFolder + "/" + point.String() }
func noteName(point format.UUID, n int) string {
	return fmt.Sprintf("%s/%08d", noteFolder(point), n)
}

func pointName(tag string, point format.UUID) string {
	return pointsFolder + "/" + tag + "/" + point.String()
}

// parsePointName gives the point's ID from the last part of points/<tag>/<point>.
func parsePointName(name string) (format.UUID, error) {
	return format.ParseUUID(name[strings.LastIndexByte(name, '/')+1:])
}
