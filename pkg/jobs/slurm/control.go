package slurm

import (
	"context"
	"fmt"
	"strconv"
)

// MaxComment is how long a comment may be, in bytes: slurmctld 22.05 refuses a longer one, from sbatch and from scontrol.
const MaxComment = 1024

// Release lifts a hold. For the number of an array it is that of all its tasks that wait. Errors: [ErrGone],
// [ErrRefused], [ErrNotInstalled], [ErrNoController].
func (c *Client) Release(ctx context.Context, id uint32) error {
	return c.run(ctx, c.Scontrol, "scontrol", "release", strconv.FormatUint(uint64(id), 10))
}

// Hold keeps a job from starting. The hold is the user's own, whoever runs this, so that the user can lift it. Errors: those of
// [Client.Release].
func (c *Client) Hold(ctx context.Context, id uint32) error {
	return c.run(ctx, c.Scontrol, "scontrol", "uhold", strconv.FormatUint(uint64(id), 10))
}

// SetComment replaces a job's comment. Line breaks become spaces, and what is beyond [MaxComment] is left out. Errors: those of
// [Client.Release].
func (c *Client) SetComment(ctx context.Context, id uint32, text string) error {
	// No shell comes between: the text is one argument, and scontrol takes all that follows the first equals sign.
	return c.run(ctx, c.Scontrol, "scontrol", "update", fmt.Sprintf("JobId=%d", id), "Comment="+cut(printable(text), MaxComment))
}
