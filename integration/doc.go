// Package integration holds the tests that drive the real program against real servers of each protocol: Azurite,
// versitygw and fake-gcs-server on loopback. What passes here passed on emulators; docs/providers.md says where they lie.
package integration
