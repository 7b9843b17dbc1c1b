/* SPDX-License-Identifier: MIT */
/* The page's own style and program, as strings. */
	.section .rodata
	.global	page_css
	.global	page_js
page_css:
	.incbin	"bench/page.css"
	.byte	0
page_js:
	.incbin	"bench/page.js"
	.byte	0
	.section .note.GNU-stack, "", @progbits
