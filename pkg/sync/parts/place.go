package parts

// Place is where a destination holds a chunk: the bytes [Offset, Offset+Length) of one of its objects.
type Place struct {
	Object int32 // the caller's index of the object
	Offset int64 // bytes
}
