// scene_play - another program, which finds the scene by name and plays with it.
//
// It holds no circles and no boxes: those classes, with their virtual functions, are in
// scene_build.  It walks a std::unordered_map that it never made, and calls objects whose
// code is another program's.  Libraries for shared memory cannot do that, because there
// the tables of virtual functions lie at different addresses in each process.

#include "scene.h"

#include <tproc/tproc.h>

#include <iostream>

int main()
{
	void *found = nullptr;
	int result = tproc_wait_name(scene_name, scene_type, 10000, &found, nullptr);

	if (result != TPROC_OK) {
		std::cerr << "scene_play: cannot find the scene: " << tproc_strerror(result)
			  << "\n";
		return 1;
	}

	Scene &scene = *static_cast<Scene *>(found);
	std::lock_guard<std::mutex> guard(scene.lock);

	for (const auto &[name, shape] : scene.shapes)
		std::cout << name << ": " << shape->kind() << " of area " << shape->area() << "\n";

	auto sun = scene.shapes.find("sun");
	if (sun != scene.shapes.end()) {
		sun->second->scale(2);
		std::cout << "made the sun bigger\n";
	}
	return 0;
}
