// printstr - prints the std::string at an address that another program gave out.
//
// It takes the address for what it is: a pointer.  See allocstr.cc.

#include <tproc/tproc.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

int main(int argc, char **argv)
{
	char *end = nullptr;
	std::uintptr_t address = argc == 2 ? std::strtoull(argv[1], &end, 16) : 0;

	if (!address || *end) {
		std::cerr << "usage: printstr ADDRESS\n";
		return 2;
	}

	if (!tproc_in_space()) {
		std::cerr << "printstr: not in a space: the address means nothing here; "
			     "try: tprun printstr ADDRESS\n";
		return 1;
	}

	// Nobody says that the address is good, but a space knows whose it is.
	const void *pointer = reinterpret_cast<const void *>(address);
	struct tproc_info owner;
	unsigned int id = 0;
	int result = tproc_owner(pointer, &id);
	if (result == TPROC_OK)
		result = tproc_find(id, &owner);
	if (result != TPROC_OK) {
		std::cerr << "printstr: " << pointer << ": " << tproc_strerror(result) << "\n";
		return 1;
	}

	// This is all it takes.  The object stays its owner's: reading it is fine for as
	// long as the owner neither changes nor destroys it.
	const auto *string = static_cast<const std::string *>(pointer);
	std::cout << "threadproc " << owner.id << " (" << owner.name << ") says: " << *string
		  << "\n";
	return 0;
}
