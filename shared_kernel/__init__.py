"""What all contexts share; it knows none of them.

`domain` is the kernel proper, and it is tiny on purpose: whatever stands there binds
all contexts. Each other room uses only those below it, from top to bottom: `serving`,
`operations`, `files`, `runtime`, `web`, `migrations`, `events`, `buses`, `storage`.
"""
