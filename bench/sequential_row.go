package main

import "context"

func sequentialRows() []row {
	against := func(compression, kind, peer, goal string, bound float64) row {
		return row{
			work: "NBD sequential, nbdcopy -C 4 to null, cold blocks, " + compression + " repository", peer: peer, goal: goal,
			unit: "MiB/s", bound: bound, least: true,
			start: func(ctx context.Context, l *lab) (contest, error) {
				repo, err := l.repository(ctx, compression)
				if err != nil {
					return contest{}, err
				}
				image, err := l.qcow2(ctx, kind)
				return contest{
					ours: func(ctx context.Context) (float64, error) { return l.copyOurs(ctx, repo, newest, l.disk.dataBytes()) },
					peer: func(ctx context.Context) (float64, error) {
						return l.copied(ctx, l.disk.dataBytes(), "", func() (*server, string, error) { return l.qemuNBD(ctx, image) })
					},
				}, err
			},
		}
	}
	return []row{
		against("zstd", "zstd", "qemu-nbd on zstd qcow2", ">= 1.4", 1.4),
		against("lz4", "plain", "qemu-nbd on plain qcow2", ">= 0.6", 0.6),
	}
}

// copyOurs copies an export of ours.
func (l *lab) copyOurs(ctx context.Context, repo, export string, data int64) (float64, error) {
	return l.copied(ctx, data, export, func() (*server, string, error) { return l.serve(ctx, repo) })
}

// copied starts a server, whose blocks are cold therefore, copies an export to nowhere and gives the rate in MiB of data
// a second.
func (l *lab) copied(ctx context.Context, data int64, export string, serve func() (*server, string, error)) (float64, error) {
	s, socket, err := serve()
	return ended(s, err, func() (float64, error) {
		took, err := timed(command(ctx, "nbdcopy", "-C", "4", uri(socket, export), "null:"))
		return float64(data) / (1 << 20) / took, err
	})
}
