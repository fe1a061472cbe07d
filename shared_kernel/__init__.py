"""What all contexts share; it knows none of them.

`domain` is the kernel proper, and it is tiny on purpose: everything in it binds all
contexts. Each other room uses only those below it, from top to bottom: `serving`,
`operations`, `files`, `runtime`, `web`, `migrations`, `events`, `buses`, `storage`.
"""
