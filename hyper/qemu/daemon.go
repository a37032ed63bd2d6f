package qemu

import (
	"cmp"

	"vbfs/hyper/process"
)

// daemonArguments are those of qemu-storage-daemon, for what qemu-nbd cannot do: more than one bitmap, a secret.
func (s *Server) daemonArguments(image Image, opts ServeOptions) []string {
	args := []string{"--pidfile", s.folder.File(process.PID)}
	if opts.Secret != nil {
		args = append(args, "--object", jsonOf(keyObject()))
	}
	disk := node(image, opts.Secret != nil)
	disk["node-name"], disk["read-only"] = "disk", true
	server := object{"addr": object{"type": "unix", "path": s.Socket()}, "max-connections": cmp.Or(opts.Shared, defaultShared)}
	export := object{"type": "nbd", "id": "disk", "node-name": "disk", "name": "", "bitmaps": append([]string{}, opts.Bitmaps...)}
	return append(args, "--blockdev", jsonOf(disk), "--nbd-server", jsonOf(server), "--export", jsonOf(export))
}
