/*
 * The tables of a new file.
 */
#ifndef BANTERD_STORE_SCHEMA_H
#define BANTERD_STORE_SCHEMA_H

/* Statements, NULL after the last one. */
extern const char *const schema_steps[];

#endif
