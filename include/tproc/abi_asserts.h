/*
 * The offsets and sizes of ABI version 1, frozen; included by tproc/abi.h only.
 * A line here changes only together with TP_ABI_VERSION (docs/ABI.md).
 * Written by tools/abi-asserts.
 */

TP_SIZE(struct tp_ref, 8);
TP_AT(struct tp_ref, off, 0);
TP_AT(struct tp_ref, len, 4);

TP_SIZE(struct tp_granule, 8);
TP_AT(struct tp_granule, state, 0);
TP_AT(struct tp_granule, owner, 2);
TP_AT(struct tp_granule, generation, 4);

TP_SIZE(struct tp_fixed, 24);
TP_AT(struct tp_fixed, lo, 0);
TP_AT(struct tp_fixed, hi, 8);
TP_AT(struct tp_fixed, owner, 16);
TP_AT(struct tp_fixed, generation, 20);

TP_SIZE(struct tp_run, 8);
TP_AT(struct tp_run, first, 0);
TP_AT(struct tp_run, count, 4);

TP_SIZE(struct tp_threadproc, 888);
TP_AT(struct tp_threadproc, seq, 0);
TP_AT(struct tp_threadproc, generation, 4);
TP_AT(struct tp_threadproc, id, 8);
TP_AT(struct tp_threadproc, state, 12);
TP_AT(struct tp_threadproc, pid, 16);
TP_AT(struct tp_threadproc, launcher_pid, 20);
TP_AT(struct tp_threadproc, exit_code, 24);
TP_AT(struct tp_threadproc, exit_status, 28);
TP_AT(struct tp_threadproc, name, 32);
TP_AT(struct tp_threadproc, start_ns, 96);
TP_AT(struct tp_threadproc, end_ns, 104);
TP_AT(struct tp_threadproc, self_addr, 112);
TP_AT(struct tp_threadproc, load_bias, 120);
TP_AT(struct tp_threadproc, entry, 128);
TP_AT(struct tp_threadproc, phdr, 136);
TP_AT(struct tp_threadproc, interp_bias, 144);
TP_AT(struct tp_threadproc, interp_entry, 152);
TP_AT(struct tp_threadproc, r_debug, 160);
TP_AT(struct tp_threadproc, stack_lo, 168);
TP_AT(struct tp_threadproc, stack_hi, 176);
TP_AT(struct tp_threadproc, brk_lo, 184);
TP_AT(struct tp_threadproc, brk_hi, 192);
TP_AT(struct tp_threadproc, fixed_lo, 200);
TP_AT(struct tp_threadproc, fixed_hi, 208);
TP_AT(struct tp_threadproc, sig_blocked, 216);
TP_AT(struct tp_threadproc, sig_ignored, 224);
TP_AT(struct tp_threadproc, sig_caught, 232);
TP_AT(struct tp_threadproc, sig_forwarded, 240);
TP_AT(struct tp_threadproc, phnum, 248);
TP_AT(struct tp_threadproc, program_image, 252);
TP_AT(struct tp_threadproc, interp_image, 256);
TP_AT(struct tp_threadproc, run_count, 260);
TP_AT(struct tp_threadproc, runs, 264);
TP_AT(struct tp_threadproc, exe, 520);
TP_AT(struct tp_threadproc, argv, 528);
TP_AT(struct tp_threadproc, cwd, 536);
TP_AT(struct tp_threadproc, modules, 544);
TP_AT(struct tp_threadproc, fds, 552);
TP_AT(struct tp_threadproc, crash, 560);
TP_AT(struct tp_threadproc, flags, 568);
TP_AT(struct tp_threadproc, reserved32, 572);
TP_AT(struct tp_threadproc, reserved, 576);

TP_SIZE(struct tp_module, 40);
TP_AT(struct tp_module, image, 0);
TP_AT(struct tp_module, kind, 4);
TP_AT(struct tp_module, link_namespace, 8);
TP_AT(struct tp_module, reserved, 12);
TP_AT(struct tp_module, bias, 16);
TP_AT(struct tp_module, dynamic, 24);
TP_AT(struct tp_module, path, 32);

TP_SIZE(struct tp_fd, 40);
TP_AT(struct tp_fd, launcher_fd, 0);
TP_AT(struct tp_fd, fd, 4);
TP_AT(struct tp_fd, kind, 8);
TP_AT(struct tp_fd, flags, 12);
TP_AT(struct tp_fd, dev, 16);
TP_AT(struct tp_fd, ino, 24);
TP_AT(struct tp_fd, target, 32);

TP_SIZE(struct tp_image, 264);
TP_AT(struct tp_image, seq, 0);
TP_AT(struct tp_image, flags, 4);
TP_AT(struct tp_image, generation, 8);
TP_AT(struct tp_image, users, 12);
TP_AT(struct tp_image, dev, 16);
TP_AT(struct tp_image, ino, 24);
TP_AT(struct tp_image, size, 32);
TP_AT(struct tp_image, mtime_sec, 40);
TP_AT(struct tp_image, mtime_nsec, 48);
TP_AT(struct tp_image, build_id_len, 52);
TP_AT(struct tp_image, build_id, 56);
TP_AT(struct tp_image, vaddr_lo, 88);
TP_AT(struct tp_image, vaddr_hi, 96);
TP_AT(struct tp_image, text_lo, 104);
TP_AT(struct tp_image, text_hi, 112);
TP_AT(struct tp_image, dynamic, 120);
TP_AT(struct tp_image, dynsym, 128);
TP_AT(struct tp_image, dynstr, 136);
TP_AT(struct tp_image, dynstr_size, 144);
TP_AT(struct tp_image, gnu_hash, 152);
TP_AT(struct tp_image, sysv_hash, 160);
TP_AT(struct tp_image, tls_size, 168);
TP_AT(struct tp_image, dynsym_count, 176);
TP_AT(struct tp_image, site_count, 180);
TP_AT(struct tp_image, path, 184);
TP_AT(struct tp_image, sites, 192);
TP_AT(struct tp_image, reserved, 200);

TP_SIZE(struct tp_site, 8);
TP_AT(struct tp_site, off, 0);
TP_AT(struct tp_site, len, 4);
TP_AT(struct tp_site, pre, 5);
TP_AT(struct tp_site, kind, 6);

TP_SIZE(struct tp_name, 192);
TP_AT(struct tp_name, seq, 0);
TP_AT(struct tp_name, live, 4);
TP_AT(struct tp_name, owner, 8);
TP_AT(struct tp_name, owner_generation, 12);
TP_AT(struct tp_name, addr, 16);
TP_AT(struct tp_name, size, 24);
TP_AT(struct tp_name, publish_ns, 32);
TP_AT(struct tp_name, name, 40);
TP_AT(struct tp_name, type, 104);
TP_AT(struct tp_name, reserved, 168);

TP_SIZE(struct tp_cpuid, 24);
TP_AT(struct tp_cpuid, leaf, 0);
TP_AT(struct tp_cpuid, subleaf, 4);
TP_AT(struct tp_cpuid, eax, 8);
TP_AT(struct tp_cpuid, ebx, 12);
TP_AT(struct tp_cpuid, ecx, 16);
TP_AT(struct tp_cpuid, edx, 20);

TP_SIZE(struct tp_table, 16);
TP_AT(struct tp_table, off, 0);
TP_AT(struct tp_table, size, 8);
TP_AT(struct tp_table, count, 12);

TP_SIZE(struct tp_registry, 424);
TP_AT(struct tp_registry, magic, 0);
TP_AT(struct tp_registry, abi_version, 8);
TP_AT(struct tp_registry, seq, 12);
TP_AT(struct tp_registry, size, 16);
TP_AT(struct tp_registry, address, 24);
TP_AT(struct tp_registry, space, 32);
TP_AT(struct tp_registry, server_pid, 96);
TP_AT(struct tp_registry, agent_pid, 100);
TP_AT(struct tp_registry, agent_state, 104);
TP_AT(struct tp_registry, page_size, 108);
TP_AT(struct tp_registry, created_ns, 112);
TP_AT(struct tp_registry, agent_lo, 120);
TP_AT(struct tp_registry, agent_hi, 128);
TP_AT(struct tp_registry, vdso, 136);
TP_AT(struct tp_registry, mailbox_addr, 144);
TP_AT(struct tp_registry, mailbox_size, 152);
TP_AT(struct tp_registry, granule_shift, 160);
TP_AT(struct tp_registry, last_id, 164);
TP_AT(struct tp_registry, threadproc_high, 168);
TP_AT(struct tp_registry, image_high, 172);
TP_AT(struct tp_registry, name_high, 176);
TP_AT(struct tp_registry, live, 180);
TP_AT(struct tp_registry, granules, 184);
TP_AT(struct tp_registry, fixed, 200);
TP_AT(struct tp_registry, threadprocs, 216);
TP_AT(struct tp_registry, images, 232);
TP_AT(struct tp_registry, names, 248);
TP_AT(struct tp_registry, heap, 264);
TP_AT(struct tp_registry, cpuid, 280);
TP_AT(struct tp_registry, reserved, 296);

TP_SIZE(struct tp_mailbox_header, 528);
TP_AT(struct tp_mailbox_header, doorbell, 0);
TP_AT(struct tp_mailbox_header, waiting, 4);
TP_AT(struct tp_mailbox_header, fork_lock, 8);
TP_AT(struct tp_mailbox_header, reserved, 12);
TP_AT(struct tp_mailbox_header, pending, 16);

TP_SIZE(struct tp_request, 168);
TP_AT(struct tp_request, state, 0);
TP_AT(struct tp_request, op, 4);
TP_AT(struct tp_request, result, 8);
TP_AT(struct tp_request, serial, 12);
TP_AT(struct tp_request, arg0, 16);
TP_AT(struct tp_request, arg1, 24);
TP_AT(struct tp_request, answer, 32);
TP_AT(struct tp_request, name, 40);
TP_AT(struct tp_request, type, 104);

TP_SIZE(struct tp_mailbox, 720);
TP_AT(struct tp_mailbox, generation, 0);
TP_AT(struct tp_mailbox, modules_seq, 4);
TP_AT(struct tp_mailbox, exec_state, 8);
TP_AT(struct tp_mailbox, exec_count, 12);
TP_AT(struct tp_mailbox, r_debug, 16);
TP_AT(struct tp_mailbox, escapes, 24);
TP_AT(struct tp_mailbox, quiet, 32);
TP_AT(struct tp_mailbox, scanned, 36);
TP_AT(struct tp_mailbox, request, 40);
TP_AT(struct tp_mailbox, trap_release, 208);
TP_AT(struct tp_mailbox, pad, 212);
TP_AT(struct tp_mailbox, reserved, 216);

TP_SIZE(struct tp_crash, 8792);
TP_AT(struct tp_crash, state, 0);
TP_AT(struct tp_crash, verdict, 4);
TP_AT(struct tp_crash, generation, 8);
TP_AT(struct tp_crash, tid, 12);
TP_AT(struct tp_crash, sig, 16);
TP_AT(struct tp_crash, code, 20);
TP_AT(struct tp_crash, reg_count, 24);
TP_AT(struct tp_crash, stack_len, 28);
TP_AT(struct tp_crash, addr, 32);
TP_AT(struct tp_crash, time_ns, 40);
TP_AT(struct tp_crash, pc, 48);
TP_AT(struct tp_crash, sp, 56);
TP_AT(struct tp_crash, reserved64, 64);
TP_AT(struct tp_crash, stack_lo, 72);
TP_AT(struct tp_crash, thread, 80);
TP_AT(struct tp_crash, regs, 88);
TP_AT(struct tp_crash, siginfo, 344);
TP_AT(struct tp_crash, reserved, 472);
TP_AT(struct tp_crash, stack, 600);

TP_SIZE(struct tp_self, 120);
TP_AT(struct tp_self, magic, 0);
TP_AT(struct tp_self, abi_version, 8);
TP_AT(struct tp_self, index, 12);
TP_AT(struct tp_self, generation, 16);
TP_AT(struct tp_self, id, 20);
TP_AT(struct tp_self, pid, 24);
TP_AT(struct tp_self, flags, 28);
TP_AT(struct tp_self, registry, 32);
TP_AT(struct tp_self, mailbox, 40);
TP_AT(struct tp_self, mailbox_header, 48);
TP_AT(struct tp_self, handlers, 56);
TP_AT(struct tp_self, reserved, 64);

TP_SIZE(struct tp_handler, 16);
TP_AT(struct tp_handler, handler, 0);
TP_AT(struct tp_handler, flags, 8);
