//! What the end-to-end tests share: the program, its server, and devices to sync.
