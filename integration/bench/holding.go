package main

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
)

// holdingAll is an agent whose manifest says that all shards of a synthetic source are at a synthetic destination. end ends both, also after an error of
// what is done with them.
func (b *bed) holdingAll(ctx context.Context, source *lister, bucket *emptyBucket, shards int) (a *agent, end func() error, err error) {
	src, err := serve(source)
	if err != nil {
		return nil, nil, err
	}
	dst, err := serve(bucket)
	if err != nil {
		return nil, nil, errors.Join(err, src.close())
	}
	end = func() error { return errors.Join(dst.close(), src.close()) }
	from := listedPlace(src.addr)
	a, err = b.newAgent(from, place{
		url:      "s3://bucket?region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape("http://"+dst.addr),
		location: "aws:us-east-1",
	})
	if err == nil {
		b.say("  writing the manifest of %d shards", shards)
		err = b.finish(ctx, filepath.Join(a.dir, "state"), from)
	}
	if err != nil {
		return nil, nil, errors.Join(err, end())
	}
	return a, end, nil
}
