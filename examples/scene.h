// scene.h - what scene_build and scene_play agree on.
//
// Both programs are compiled with this header, by the same compiler and C++ library: so they
// agree on how the objects are laid out in memory.  They share nothing else.

#ifndef TPROC_EXAMPLES_SCENE_H
#define TPROC_EXAMPLES_SCENE_H

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

// The type tag.  Whoever changes this header changes the number, so that an old
// program does not take a new scene for one of its own.
constexpr const char *scene_type = "example scene/1";
constexpr const char *scene_name = "scene";

// The virtual functions of the shapes are in scene_build only.  scene_play calls them through
// the objects' own tables of virtual functions, so code of one program runs on a
// thread of the other.
//
// Such code finds its globals, but the thread-local variables of the program that called it
// (errno and the allocator's caches are such variables).  So functions that are meant
// to be called from elsewhere compute and assign; they do not allocate, throw or print.
class Shape
{
      public:
	virtual ~Shape() = default;
	virtual const char *kind() const noexcept = 0;
	virtual double area() const noexcept = 0;
	virtual void scale(double factor) noexcept = 0;
};

// A std::mutex works between programs here: to the kernel, a space is one process's memory.
struct Scene {
	std::mutex lock;
	std::unordered_map<std::string, std::unique_ptr<Shape>> shapes;
};

#endif
