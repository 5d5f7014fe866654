/*
 * name.h - names of types as compilers, demanglers and people write them.
 *
 * "std::map<long unsigned int, const char*>" and "std::map<unsigned long, char const *>" are one
 * name.  So names are compared in a canonical form: without blanks that do not matter, with one
 * spelling of each number's type, and with "const" behind what it qualifies.
 */
#ifndef TPROC_TYPES_NAME_H
#define TPROC_TYPES_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The canonical form, cut to size.  Returns its length. */
size_t name_canonical(const char *name, size_t len, char *dst, size_t size);

/* Whether two names are the same, and a hash that those have in common. */
bool names_equal(const char *a, size_t a_len, const char *b, size_t b_len);
uint64_t name_hash(const char *name, size_t len);

/*
 * Whether `full` is the name, or is with template arguments that the name leaves out:
 * "vector<int>" for "vector<int, std::allocator<int> >".
 */
bool names_fit(const char *name, size_t len, const char *full, size_t full_len);

/* Where the last part of "outer<a::b>::name" begins. */
size_t name_last_part(const char *name, size_t len);

#define NAME_SIZE 4096

#endif
