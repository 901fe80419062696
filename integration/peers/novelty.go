package main

import (
	"github.com/datagravity/datagravity/pkg/chunker"
	zeebo "github.com/zeebo/blake3"
)

// cutting is one way to cut, ours or a peer's: it calls emit with the digest and length of every chunk.
type cutting func(data []byte, emit func(digest [32]byte, lengthBytes int64)) error

func ourCutting(p chunker.Params) cutting {
	return func(data []byte, emit func([32]byte, int64)) error {
		_, err := chunker.Whole(data, p, chunker.Options{}, func(c chunker.Chunk) error {
			emit(c.Digest, c.Length)
			return nil
		})
		return err
	}
}

func peerCutting(p peer, avgBytes int64) cutting {
	return func(data []byte, emit func([32]byte, int64)) error {
		return p.cut(data, avgBytes, func(chunk []byte) { emit(zeebo.Sum256(chunk), int64(len(chunk))) })
	}
}

// known are the chunks of an old version.
type known map[[32]byte]struct{}

// add cuts data, adds its chunks and returns how many bytes of them were not known.
func (k known) add(cut cutting, data []byte) (newBytes int64, err error) {
	err = cut(data, func(digest [32]byte, lengthBytes int64) {
		if _, old := k[digest]; !old {
			k[digest] = struct{}{}
			newBytes += lengthBytes
		}
	})
	return newBytes, err
}

// fresh returns how many bytes of data are in chunks that are not known, each chunk once, and adds nothing.
func (k known) fresh(cut cutting, data []byte) (newBytes int64, err error) {
	seen := known{}
	err = cut(data, func(digest [32]byte, lengthBytes int64) {
		if _, old := k[digest]; old {
			return
		}
		if _, twice := seen[digest]; !twice {
			seen[digest] = struct{}{}
			newBytes += lengthBytes
		}
	})
	return newBytes, err
}
