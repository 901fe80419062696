package emulator

// Secrets are what the servers' credentials keep secret: nothing that a program or a test prints may show one.
func Secrets() []string { return []string{azuriteKey, s3SecretKey} }
